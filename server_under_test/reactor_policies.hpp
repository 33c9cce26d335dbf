// How the reactor server's shutdown policies differ: each is one row of answers.
#pragma once
#include "server_under_test/reactor_config.hpp"

namespace shutdown_repro::server {

struct reactor_rules {
    bool drain_tests_self = false;      // a drain callback whose server is gone does nothing
    bool drain_holds_self = false;      // a drain callback is a reference to the server
    bool destructor_finishes = false;   // the destructor finishes the open transactions
    bool drops_in_next_tick = false;    // the last reference goes in the next tick
    bool finishes_when_written = false; // no further round through the loop after the last byte
    bool never_drops = false;
};

reactor_rules const& rules_of(reactor_policy);

} // namespace shutdown_repro::server
