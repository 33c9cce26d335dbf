// The scenarios that are there without a file: each reproduces a public report with the report's own parameters.
#include <utility>
#include "repro/scenario/scenario.hpp"

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

// mojolicious/mojo#2286: the client's callback stops the loop gracefully, stops the server and drops it, all in the
// process of its server. Whether the server's end of the connection is served before the client's decides whether the transaction was
// finished by then. Timeouts are those of the framework.
scenario lost_finish() {
    scenario s;
    s.name = "lost-finish";
    s.summary = "client served first, the finish of a request is lost";
    s.server = "reactor";
    s.reactor.timer = server::user_timer::none;
    s.reactor.timer_ms = 2000;
    s.reactor.keep_alive_ms = 5000;
    s.reactor.inactivity_ms = 30'000;
    s.reactor.client_inactivity_ms = 40'000;
    s.reactor.cap_ms = 60'000;
    return s;
}

// The same program with a timer of 2 s that its handler arms.
scenario lost_timer() {
    scenario s = lost_finish();
    s.name = "lost-timer";
    s.summary = "a graceful stop loses the timer that a handler armed";
    s.reactor.timer = server::user_timer::oneshot;
    return s;
}

// What that kind of server does when SIGQUIT asks it to stop gracefully.
scenario quit(std::string name, std::string summary) {
    scenario s = lost_timer();
    s.name = std::move(name);
    s.summary = std::move(summary);
    s.reactor.when = server::stop_moment::signal;
    s.reactor.what = server::stop_action::g;
    return s;
}

scenario quit_slow_request() {
    scenario s = quit("quit-slow-request", "SIGQUIT while a handler has still to answer");
    s.reactor.handler = server::reply::delay;
    return s;
}

scenario quit_idle_connection() {
    scenario s = quit("quit-idle-connection", "SIGQUIT over an idle keep-alive connection");
    s.reactor.signal_at = "request.finish#1";
    return s;
}

scenario quit_connection_close() {
    scenario s = quit("quit-connection-close", "SIGQUIT over a request with Connection: close");
    s.reactor.close = true;
    return s;
}

} // namespace

std::span<scenario const> builtin_scenarios() {
    static scenario const all[] = {scope_disposal(), scope_disposal_on_free(), lost_finish(), lost_timer(),
        quit_slow_request(), quit_idle_connection(), quit_connection_close()};
    return all;
}

} // namespace shutdown_repro::repro
