#include "server_under_test/reactor/policies.hpp"

namespace shutdown_repro::server {

reactor_rules const& rules_of(reactor_policy p) {
    static constexpr reactor_rules as_reported, guard_self{.drain_tests_self = true},
        strong_self{.drain_holds_self = true}, close_on_destroy{.destructor_finishes = true},
        deferred_destroy{.drops_in_next_tick = true}, eager_drain{.finishes_when_written = true},
        no_destroy{.never_drops = true},
        drained{.drains = true, .errors_stay_in_request = true, .waits_for_handlers = true};
    switch (p) {
    case reactor_policy::guard_self: return guard_self;
    case reactor_policy::strong_self: return strong_self;
    case reactor_policy::close_on_destroy: return close_on_destroy;
    case reactor_policy::deferred_destroy: return deferred_destroy;
    case reactor_policy::eager_drain: return eager_drain;
    case reactor_policy::no_destroy: return no_destroy;
    case reactor_policy::drained: return drained;
    case reactor_policy::as_reported: break;
    }
    return as_reported;
}

} // namespace shutdown_repro::server
