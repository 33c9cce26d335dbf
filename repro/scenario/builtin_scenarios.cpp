// The built-in scenarios. Each reproduces a public report with the parameters of the report.
#include <utility>
#include "repro/scenario/scenario.hpp"

namespace shutdown_repro::repro {
namespace {

using server::act;

// true-async/server#74: a handler calls stop after its answer while another is still in its delay, and start() returns.
// When the server is freed, it cancels the other handler, which then fails. The error climbs to the scope of the
// server, whose listener releases the last reference. So the disposal reaches the scope in which the failing handler
// still is.
scenario scope_disposal() {
    scenario s;
    s.name = "scope-disposal";
    s.summary = "a failing handler has its own scope disposed under it";
    s.scoped().handlers = {
        {.does = act::park, .delay_ms = 60, .calls_stop = true},
        {.does = act::throw_cancel, .delay_ms = 120},
    };
    s.scoped().holds = server::owner::owns;
    s.scoped().listener = server::attach::stop;
    return s;
}

// A shorter way to the same failure: the listener attaches at the start, so free alone disposes the scope of a waiting
// handler.
scenario scope_disposal_on_free() {
    scenario s = scope_disposal();
    s.name = "scope-disposal-on-free";
    s.summary = "freeing the server disposes over a parked handler";
    s.scoped().handlers.back().does = act::park;
    s.scoped().listener = server::attach::start;
    return s;
}

// mojolicious/mojo#2286: a callback of the client stops the loop gracefully, stops the server and drops it; client and
// server are in one process. Which end of the connection is served first decides whether the transaction has finished
// by then. Timeouts are those of the framework.
scenario lost_finish() {
    scenario s;
    s.name = "lost-finish";
    s.summary = "client served first, the finish of a request is lost";
    s.server = server::reactor_config{};
    s.reactor().timer = server::user_timer::none;
    s.reactor().timer_ms = 2000;
    s.reactor().keep_alive_ms = 5000;
    s.reactor().inactivity_ms = 30'000;
    s.reactor().client_inactivity_ms = 40'000;
    s.reactor().cap_ms = 60'000;
    return s;
}

// The same program with a 2 s timer that its handler arms.
scenario lost_timer() {
    scenario s = lost_finish();
    s.name = "lost-timer";
    s.summary = "a graceful stop loses the timer that a handler armed";
    s.reactor().timer = server::user_timer::oneshot;
    return s;
}

// A server of this kind that SIGQUIT asks to stop gracefully.
scenario quit(std::string name, std::string summary) {
    scenario s = lost_timer();
    s.name = std::move(name);
    s.summary = std::move(summary);
    s.reactor().when = server::stop_moment::signal;
    s.reactor().what = server::stop_action::g;
    return s;
}

scenario quit_slow_request() {
    scenario s = quit("quit-slow-request", "SIGQUIT while a handler has still to answer");
    s.reactor().handler = server::reply::delay;
    return s;
}

scenario quit_idle_connection() {
    scenario s = quit("quit-idle-connection", "SIGQUIT over an idle keep-alive connection");
    s.reactor().signal_at = "request.finish#1";
    return s;
}

scenario quit_connection_close() {
    scenario s = quit("quit-connection-close", "SIGQUIT over a request with Connection: close");
    s.reactor().close = true;
    return s;
}

} // namespace

std::span<scenario const> builtin_scenarios() {
    static scenario const all[] = {scope_disposal(), scope_disposal_on_free(), lost_finish(), lost_timer(),
        quit_slow_request(), quit_idle_connection(), quit_connection_close()};
    return all;
}

} // namespace shutdown_repro::repro
