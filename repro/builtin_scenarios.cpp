// The scenarios that are there without a file: each reproduces a public report with the report's own parameters.
#include "repro/scenario.hpp"

namespace shutdown_repro::repro {
namespace {

using server::act;

// true-async/server#74: a handler calls stop after its answer, another is still in its delay, and start() returns over
// it. Freed, the server cancels that handler, which fails while it is torn down; its error climbs to the server's scope,
// whose listener drops the last reference: the disposal reaches the scope that the failing handler still is in.
scenario scope_disposal() {
    scenario s;
    s.name = "scope-disposal";
    s.summary = "a failing handler has its own scope disposed under it";
    s.config.handlers = {
        {.does = act::park, .delay_ms = 60, .calls_stop = true},
        {.does = act::throw_cancel, .delay_ms = 120},
    };
    s.config.holds = server::owner::owns;
    s.config.listener = server::attach::stop;
    return s;
}

// The same end on a shorter way: the listener is there from the start, so the free alone disposes over a parked handler.
scenario scope_disposal_on_free() {
    scenario s = scope_disposal();
    s.name = "scope-disposal-on-free";
    s.summary = "freeing the server disposes over a parked handler";
    s.config.handlers.back().does = act::park;
    s.config.listener = server::attach::start;
    return s;
}

} // namespace

std::span<scenario const> builtin_scenarios() {
    static scenario const all[] = {scope_disposal(), scope_disposal_on_free()};
    return all;
}

} // namespace shutdown_repro::repro
