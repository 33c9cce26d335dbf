#include "repro/scenario/fields.hpp"
#include <algorithm>
#include <ranges>
#include <stdexcept>
#include "repro/input/nearest.hpp"
#include "repro/scenario/scenario.hpp"
#include "server_under_test/worlds/control.hpp"

namespace shutdown_repro::repro {

using server::server_kind;
namespace {

using nlohmann::json;

struct field {
    std::string_view name;
    void (*check)(located_value const&);
};

constexpr std::int64_t a_day_ms = 86'400'000;
constexpr std::int64_t most_requests = 1'000'000;
constexpr std::int64_t most_connections = 1'000;
constexpr std::int64_t most_steps = 1'000;
constexpr std::size_t most_handlers = 10'000;

// ---- one value

void flag(located_value const& v) { v.check_flag(); }
void milliseconds(located_value const& v) { v.number("a number of milliseconds", 0, a_day_ms); }
void a_port(located_value const& v) { v.number("a port number", 0, 65'535); }
void count(located_value const& v) { v.number("a number", 1, most_requests); }
void steps(located_value const& v) { v.number("a number of answers", 0, most_steps); }
void a_few(located_value const& v) { v.number("a number", 1, most_connections); }
template <class enumeration> void word(located_value const& v) { v.one_of(server::words<enumeration>()); }
template <std::string_view const&... allowed> void one_of(located_value const& v) {
    static constexpr std::string_view all[] = {allowed...};
    v.one_of(all);
}

constexpr std::string_view main_scope = "main", none = "none", run = "run", shutdown = "shutdown", stop = "stop",
                           free = "free";

// The name becomes part of file names in the user's folder, so it must not lead to another folder.
void scenario_name(located_value const& v) {
    std::string const& name = v.text("a name");
    auto const allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
            c == '.';
    };
    if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-' ||
        !std::ranges::all_of(name, allowed))
        v.must_be("a name of up to 64 letters, digits, - _ and .");
}

// Checks a text that is printed unchanged.
void one_line(located_value const& v) {
    std::string const& text = v.text("one line of text");
    if (text.size() > 200 ||
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
        v.must_be("one line of text, of up to 200 characters");
}

// Suggests a name for the first unknown kind in a list of stop points.
std::string kind_meant(std::string_view points) {
    std::vector<std::string_view> kinds{"handler", "any", "never"};
    for (std::size_t k = 0; k < traces::kind_count; ++k) kinds.push_back(name_of(static_cast<traces::kind>(k)));
    for (auto const& part : points | std::views::split(',')) {
        std::string_view const point(part.begin(), part.end());
        std::string_view const kind = point.substr(0, point.find('#'));
        if (!std::ranges::count(kinds, kind)) return did_you_mean(kind, kinds);
    }
    return {};
}

void stop_points(located_value const& v) {
    std::string const& points = v.text("stop points, such as \"coroutine.suspend#2\"");
    try {
        server::parse_stop_points(points);
    } catch (std::invalid_argument const& e) { v.fail(std::string("is not valid: ") + e.what() + kind_meant(points)); }
}

// At these points a signal is sent, so the words for calls are refused.
void signal_points(located_value const& v) {
    stop_points(v);
    std::string const& points = v.json().get_ref<std::string const&>();
    if (server::lists(points, "handler") || server::lists(points, "any"))
        v.must_be("stop points, such as \"request.begin#1\"");
}

// ---- objects

std::vector<std::string_view> names_of(std::span<field const> fields) {
    std::vector<std::string_view> names;
    for (field const& f : fields) names.push_back(f.name);
    return names;
}

void check_fields(located_value const& object, std::span<field const> fields) {
    for (located_value const& member : object.members()) {
        auto const f = std::ranges::find(fields, member.name(), &field::name);
        if (f == fields.end()) member.unknown_field(names_of(fields));
        f->check(member);
    }
}

void calls(located_value const& v) {
    for (located_value const& call : v.items("a list of \"stop\" and \"free\"", 0, 2)) one_of<stop, free>(call);
}

void handlers(located_value const& v) {
    static constexpr field fields[] = {
        {"act", word<server::act>}, {"delay", milliseconds}, {"steps", steps}, {"calls", calls}};
    for (located_value const& handler : v.items("a list of handlers", 1, most_handlers)) {
        handler.check_object("a handler, such as {\"act\": \"park\"}");
        check_fields(handler, fields);
    }
}

void acts(located_value const& v) {
    for (located_value const& act : v.items("a list of acts", 1, most_handlers)) word<server::act>(act);
}

// ---- the kinds of scenarios

constexpr field scoped_fields[] = {
    {"scenario", scenario_name},
    {"summary", one_line},
    {"server", word<server_kind>},
    {"policy", word<server::policy>},
    {"requests", count},
    {"handlers", handlers},
    {"together", flag},
    {"place", word<server::placement>},
    {"connection_scope", flag},
    {"safe", flag},
    {"owner", word<server::owner>},
    {"listener", word<server::attach>},
    {"grace", milliseconds},
    {"dispose_after", milliseconds},
    {"stop", stop_points},
    {"free", stop_points},
    {"port", a_port},
    {"per_connection", count},
    {"pipelined", flag},
};

constexpr field scopes_fields[] = {
    {"scenario", scenario_name},
    {"summary", one_line},
    {"server", word<server_kind>},
    {"acts", acts},
    {"place", word<server::placement>},
    {"safe", flag},
    {"owner", word<server::owner>},
    {"parent", one_of<main_scope, none>},
    {"end", one_of<run, shutdown>},
    {"sequence", word<server::sequence>},
};

constexpr field reactor_fields[] = {
    {"scenario", scenario_name},
    {"summary", one_line},
    {"server", word<server_kind>},
    {"policy", word<server::reactor_policy>},
    {"connections", a_few},
    {"close", flag},
    {"handler", word<server::reply>},
    {"timer", word<server::user_timer>},
    {"when", word<server::stop_moment>},
    {"what", word<server::stop_action>},
    {"signal_at", signal_points},
    {"order", word<server::serve_order>},
    {"timer_after", milliseconds},
    {"keep_alive", milliseconds},
    {"inactivity", milliseconds},
    {"client_inactivity", milliseconds},
    {"grace", milliseconds},
    {"cap", milliseconds},
};

std::span<field const> fields_of(server_kind kind) {
    switch (kind) {
    case server_kind::scoped: return scoped_fields;
    case server_kind::scopes: return scopes_fields;
    case server_kind::reactor: break;
    }
    return reactor_fields;
}

// Refuses a field that this server does not have, but another server has.
void check_whose_fields(located_value const& document, server_kind mine) {
    for (located_value const& member : document.members()) {
        if (std::ranges::count(fields_of(mine), member.name(), &field::name)) continue;
        for (server_kind const other : {server_kind::scoped, server_kind::scopes, server_kind::reactor})
            if (std::ranges::count(fields_of(other), member.name(), &field::name))
                member.fail("is a field of the server \"" + std::string(server::word_of(other)) +
                    "\", but the server is \"" + std::string(server::word_of(mine)) + "\"");
    }
}

// "handler" means that a handler makes the call. Without such a handler the scenario would always hang.
void check_somebody_calls(located_value const& document, server::config const& c, std::string_view what) {
    std::string const& points = what == stop ? c.stop_at : c.free_at;
    if (!server::lists(points, "handler")) return;
    auto const serving = c.handlers | std::views::take(c.requests);
    if (std::ranges::any_of(serving, [&](auto const& h) { return what == stop ? h.calls_stop : h.calls_free; })) return;
    std::string const named(what);
    document.find(what).value_or(document).fail("leaves \"" + named +
        "\" to a handler, but none that serves a request has \"calls\": [\"" + named + "\"]; name a stop point in \"" +
        named + "\" (\"server.ready#1\", or \"never\")");
}

// SIGQUIT asks for a graceful stop and SIGTERM for a plain one; there is no signal that only frees the server.
void check_signal(located_value const& document) {
    auto const c = server::reactor_config_from_json(document.json());
    if (c.when == server::stop_moment::signal &&
        (c.what == server::stop_action::u || c.what == server::stop_action::un))
        document.find("what").value_or(document).fail(
            "can't be requested by a signal: with \"when\": \"signal\" it must "
            "be \"g\", \"gs\", \"gsu\", \"gsn\" or \"stop\"");
}

} // namespace

void check_scenario(located_value const& document) {
    document.check_object("a scenario, such as {\"scenario\": \"name\"}");
    if (auto const named = document.find("server")) word<server_kind>(*named);
    auto kind = server_kind::scoped;
    server::read_word(document.json(), "server", kind);
    check_whose_fields(document, kind);
    check_fields(document, fields_of(kind));
    if (!document.find("scenario")) document.fail("has no \"scenario\", its name");

    if (kind == server_kind::reactor) check_signal(document);
    if (kind != server_kind::scoped) return;
    auto const config = server::config_from_json(document.json());
    check_somebody_calls(document, config, stop);
    check_somebody_calls(document, config, free);
}

} // namespace shutdown_repro::repro
