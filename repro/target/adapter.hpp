// Adapters are loaded into a target from outside, by its environment: the target records events of our format, and where its
// loop leaves an order free, follows the one that is chosen. See man/shutdown-repro-target.7 for what is agreed on.
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

// What the target is asked to do. Order and decisions exclude each other; without both it does as it likes.
struct white_box {
    std::string
        adapter; // one of all_adapters(), or "own": the target speaks the protocol itself; "" for none, then nothing is set
    std::string trace;   // where its events go
    std::string control; // the socket of the controller, "" when there is none
    std::string order;   // "client-first", "server-first" or ""
    std::optional<schedule> decisions;
};
// The variables that load it and tell it so. Throws input_error: no such adapter, its files not found, no such order; each
// with the remedy.
std::vector<std::pair<std::string, std::string>> environment_of(white_box const&);

} // namespace shutdown_repro::repro
