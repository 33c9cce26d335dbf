// The properties in which the shutdown policies of the reactor server differ. Each policy is one row of them.
#pragma once
#include "server_under_test/reactor/config.hpp"

namespace shutdown_repro::server {

struct reactor_rules {
    bool drain_tests_self = false;      // a drain callback whose server is freed does nothing
    bool drain_holds_self = false;      // a drain callback holds a reference to the server
    bool destructor_finishes = false;   // the destructor finishes the open transactions
    bool drops_in_next_tick = false;    // the last reference is released in the next tick
    bool finishes_when_written = false; // a transaction finishes with its last byte, not one tick later
    bool never_drops = false;
    bool drains =
        false; // stop and drop let open transactions end first, up to the grace period; the server exists until then
    bool errors_stay_in_request = false; // an error in a handler is a 500 to its own client and nothing else
    bool waits_for_handlers = false;     // a connection whose request is being handled is not inactive
};

reactor_rules const& rules_of(reactor_policy);

} // namespace shutdown_repro::server
