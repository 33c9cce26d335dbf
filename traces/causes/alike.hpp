// Violations that are alike: one rule was broken for many actors in the same way, as when a server loses all requests
// in flight. They are one defect, and a report for people tells them once, with their number.
#pragma once
#include <span>
#include <string>
#include <vector>
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

// What is equal for violations that are alike: the rule, the type of the subject, and the message without its numbers,
// "connection-reset-inflight error request request:# was sent # before the stop".
std::string shape_of(violation const&);

// One sentence for violations that are alike, in the order in which they are named: "20 requests (request:1 …
// request:20): each was sent 36 to 40 ms before the stop". The message itself when there is only one.
std::string message_of_all(std::span<violation const* const>);

} // namespace shutdown_repro::traces
