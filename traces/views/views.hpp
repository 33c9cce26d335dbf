// The views: a trace as text. Pure functions; each result ends with a line end. They accept traces of any writer and
// omit what a trace lacks. The caller passes the violations (see rule_run); views do not judge.
#pragma once
#include <span>
#include <string>
#include "traces/phrases/text.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// One row for each event, one lane for each actor; a plain list if the lanes do not fit the width.
std::string timeline(trace const&, std::span<violation const>, text_style);

// The scope tree with the state of each actor at the failure (the failed assertion, else the first violation), or at
// the end of a trace without violations.
std::string tree(trace const&, std::span<violation const>, text_style);
// The same right after the event with this number; at the end if there is no such event.
std::string tree_at(seq_t, trace const&, std::span<violation const>, text_style);

// The events that concern one id, each with its causes; "" if there are none.
std::string follow(trace const&, ref id, text_style);

// For each violation the events that led to it, back to the stop or the first cause, and the live members of the scope.
std::string explain(trace const&, std::span<violation const>, text_style);

} // namespace shutdown_repro::traces
