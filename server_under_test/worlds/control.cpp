#include "server_under_test/worlds/control.hpp"
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

namespace shutdown_repro::server {
namespace {

constexpr std::string_view expected = "a stop point is KIND#N (coroutine.suspend#2), handler, any or never";

[[noreturn]] void refuse(std::string_view part, std::string_view why) {
    throw std::invalid_argument("\"" + std::string(part) + "\" " + std::string(why));
}

bool recorded_by_server(traces::kind what, std::string_view name) {
    return what != traces::kind::other && what != traces::kind::decision && !name.starts_with("client.") &&
        !name.starts_with("process.");
}

stop_point parse_point(std::string_view part) {
    auto const hash = part.find('#');
    std::string_view const name = part.substr(0, hash);
    auto const what = traces::parse_kind(name);
    if (!what) refuse(part, "is not a stop point: " + std::string(expected));
    if (!recorded_by_server(*what, name)) refuse(part, "can't be a stop point: the server does not record it");
    if (hash == part.npos) refuse(part, "has no number: write \"" + std::string(part) + "#1\" for the first event");

    std::string_view const digits = part.substr(hash + 1);
    stop_point point{*what, 0};
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), point.count);
    if (error != std::errc{} || end != digits.data() + digits.size() || point.count == 0)
        refuse(part, "must end in a number of at least 1, such as " + std::string(name) + "#1");
    return point;
}

} // namespace

std::vector<stop_point> parse_stop_points(std::string_view text) {
    std::vector<stop_point> points;
    if (text == "never") return points;
    for (std::string_view rest = text;;) {
        auto const comma = rest.find(',');
        std::string_view const part = rest.substr(0, comma);
        if (part == "never") refuse(text, "combines \"never\" with other stop points");
        if (part != "handler" && part != "any") points.push_back(parse_point(part));
        if (comma == rest.npos) return points;
        rest.remove_prefix(comma + 1);
    }
}

bool lists(std::string_view points, std::string_view word) {
    for (std::string_view rest = points;;) {
        auto const comma = rest.find(',');
        if (rest.substr(0, comma) == word) return true;
        if (comma == rest.npos) return false;
        rest.remove_prefix(comma + 1);
    }
}

control::control(std::string_view stop_at, std::string_view free_at, traces::sink& to)
    : to_(to),
      stop_open_(lists(stop_at, "any")),
      free_open_(lists(free_at, "any")) {
    for (stop_point const& p : parse_stop_points(stop_at)) points_.push_back({p, true});
    for (stop_point const& p : parse_stop_points(free_at)) points_.push_back({p, false});
    for (watched const& w : points_) wanted_[static_cast<std::size_t>(w.point.what)] = true;
    for (auto const act : {traces::kind::act_stop, traces::kind::act_free})
        wanted_[static_cast<std::size_t>(act)] = true;
}

// GCC would guess that `to_` is another control, and inline this function into itself.
[[gnu::noinline]] void control::put(traces::event const& e) {
    if (wanted_[static_cast<std::size_t>(e.what)]) [[unlikely]]
        notice(e);
    to_.put(e);
}

void control::notice(traces::event const& e) {
    stop_called_ |= e.what == traces::kind::act_stop;
    free_called_ |= e.what == traces::kind::act_free;
    for (watched& w : points_)
        if (w.point.what == e.what && ++w.seen == w.point.count) due_.push_back({w.is_stop, e.seq});
}

void control::call(bool is_stop, traces::seq_t because, stoppable& server, traces::recorder& record) {
    traces::recorder::acting const as_control(record, {traces::entity::control, 1});
    traces::recorder::because_of const the_point(record, because);
    is_stop ? server.stop() : server.free();
}

void control::act(stoppable& server, traces::recorder& record) {
    for (due const& d : std::exchange(due_, {})) call(d.is_stop, d.because, server, record);
}

void control::offer(std::vector<alternative>& to, bool idle) const {
    if (stop_open_ && !(idle && stop_called_)) to.push_back(stop_is_called);
    if (free_open_ && !(idle && free_called_)) to.push_back(free_is_called);
}

void control::take(alternative const& taken, stoppable& server, traces::recorder& record) {
    bool const is_stop = taken == stop_is_called;
    (is_stop ? stop_open_ : free_open_) = false;
    call(is_stop, traces::no_seq, server, record);
}

bool control::last_call(stoppable& server, traces::recorder& record) {
    if (!std::exchange(free_open_, false) || free_called_) return false;
    call(false, traces::no_seq, server, record);
    return true;
}

} // namespace shutdown_repro::server
