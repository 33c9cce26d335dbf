#include "repro/scenario/moments.hpp"
#include <algorithm>
#include <ranges>
#include "server_under_test/worlds/control.hpp"

namespace shutdown_repro::repro {

std::string_view uncalled_act(scenario const& s) {
    if (s.kind() != server::server_kind::scoped) return {};
    server::config const& c = s.scoped();
    auto const serving = c.handlers | std::views::take(c.requests);
    auto const called = [&](bool server::handler_config::*by) {
        return std::ranges::any_of(serving, [by](server::handler_config const& h) { return h.*by; });
    };
    if (server::lists(c.stop_at, "handler") && !called(&server::handler_config::calls_stop)) return "stop";
    if (server::lists(c.free_at, "handler") && !called(&server::handler_config::calls_free)) return "free";
    return {};
}

std::string why_uncalled(std::string_view act) {
    std::string const named(act);
    return "leaves \"" + named + "\" to a handler, but none that serves a request has \"calls\": [\"" + named +
        "\"]; name a stop point in \"" + named + "\" (\"server.ready#1\", or \"never\")";
}

scenario with_open_acts(scenario s, kept_moments kept) {
    if (s.kind() == server::server_kind::reactor && !kept.stop) s.reactor().when = server::stop_moment::any;
    if (s.kind() != server::server_kind::scoped) return s;
    auto const open = [&s](std::string_view act, std::string& points) {
        if (points == "never") return;
        bool const called = server::lists(points, "handler") && uncalled_act(s) != act;
        points = called ? "handler,any" : "any";
    };
    if (!kept.stop) open("stop", s.scoped().stop_at);
    if (!kept.free) open("free", s.scoped().free_at);
    return s;
}

} // namespace shutdown_repro::repro
