// Adapters are loaded into a target through its environment. The target then records events in the trace format and,
// where its loop may choose an order, takes the requested one. The protocol is man/shutdown-repro-target.7.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "repro/schedule/decision.hpp"

namespace shutdown_repro::repro {

struct adapter_info {
    std::string_view name, summary;
};
std::span<adapter_info const> all_adapters();

// What the target is asked to do. Order and decisions exclude each other; without both the target chooses its own
// order.
struct white_box {
    std::string adapter; // one of all_adapters(); "own" if the target implements the protocol itself; "" for none
    std::string trace;   // path for its events
    std::string control; // path of the controller's socket; "" when there is none
    std::string order;   // "client-first", "server-first" or ""
    std::optional<schedule> decisions;
};
// Returns the environment variables that load the adapter and configure it; none without an adapter. Throws input_error
// when the adapter or the order is unknown, or when the files of the adapter are not found.
std::vector<std::pair<std::string, std::string>> environment_of(white_box const&);

} // namespace shutdown_repro::repro
