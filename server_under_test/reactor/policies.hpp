// How the reactor server's shutdown policies differ: each is one row of answers.
#pragma once
#include "server_under_test/reactor/config.hpp"

namespace shutdown_repro::server {

struct reactor_rules {
    bool drain_tests_self = false;      // a drain callback whose server is gone does nothing
    bool drain_holds_self = false;      // a drain callback is a reference to the server
    bool destructor_finishes = false;   // the destructor finishes the open transactions
    bool drops_in_next_tick = false;    // the last reference goes in the next tick
    bool finishes_when_written = false; // no further round through the loop after the last byte
    bool never_drops = false;
    bool drains = false; // stop and drop let what is under way end first, up to the grace; the server lives until then
    bool errors_stay_in_request = false; // what a handler fails with is a 500 to its own client and nothing else
    bool waits_for_handlers = false;     // a client whose request is with its handler is not inactive
};

reactor_rules const& rules_of(reactor_policy);

} // namespace shutdown_repro::server
