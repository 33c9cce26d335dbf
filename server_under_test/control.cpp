#include "server_under_test/control.hpp"
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

namespace shutdown_repro::server {
namespace {

constexpr std::string_view expected = "a stop point is KIND#N (coroutine.suspend#2), handler or never";

[[noreturn]] void refuse(std::string_view part, std::string_view why) {
    throw std::invalid_argument("\"" + std::string(part) + "\" " + std::string(why));
}

bool recorded_by_server(traces::kind what, std::string_view name) {
    return what != traces::kind::other && what != traces::kind::decision && !name.starts_with("client.") && !name.starts_with("process.");
}

stop_point parse_point(std::string_view part) {
    auto const hash = part.find('#');
    std::string_view const name = part.substr(0, hash);
    auto const what = traces::parse_kind(name);
    if (!what) refuse(part, "is no stop point: " + std::string(expected));
    if (!recorded_by_server(*what, name)) refuse(part, "can't be a stop point: the server does not record it");
    if (hash == part.npos) refuse(part, "does not say which one: write \"" + std::string(part) + "#1\" for the first");

    std::string_view const digits = part.substr(hash + 1);
    stop_point point{*what, 0};
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), point.count);
    if (error != std::errc{} || end != digits.data() + digits.size() || point.count == 0)
        refuse(part, "must end in a number from 1 on, as in " + std::string(name) + "#1");
    return point;
}

} // namespace

std::vector<stop_point> parse_stop_points(std::string_view text) {
    std::vector<stop_point> points;
    if (text == "never") return points;
    for (std::string_view rest = text;;) {
        auto const comma = rest.find(',');
        std::string_view const part = rest.substr(0, comma);
        if (part == "never") refuse(text, "says never and more: never stands alone");
        if (part != "handler") points.push_back(parse_point(part));
        if (comma == rest.npos) return points;
        rest.remove_prefix(comma + 1);
    }
}

control::control(config const& c, traces::sink& to) : to_(to) {
    for (stop_point const& p : parse_stop_points(c.stop_at)) points_.push_back({p, true});
    for (stop_point const& p : parse_stop_points(c.free_at)) points_.push_back({p, false});
}

void control::put(traces::event const& e) {
    to_.put(e);
    for (watched& w : points_)
        if (w.point.what == e.what && ++w.seen == w.point.count) due_.push_back({w.is_stop, e.seq});
}

void control::act(stoppable& server, traces::recorder& record) {
    for (due const& d : std::exchange(due_, {})) {
        traces::recorder::acting const as_control(record, {traces::entity::control, 1});
        traces::recorder::because_of const the_point(record, d.because);
        d.is_stop ? server.stop() : server.free();
    }
}

} // namespace shutdown_repro::server
