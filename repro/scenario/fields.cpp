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

// The values of a field: how one is checked, and how tests draw one that passes.
struct domain {
    void (*check)(located_value const&);
    json (*drawn)(draw const&);
};
struct field {
    std::string_view name;
    domain values;
};

constexpr std::int64_t a_day_ms = 86'400'000;
constexpr std::int64_t most_requests = 1'000'000;
constexpr std::int64_t most_connections = 1'000;
constexpr std::int64_t most_steps = 1'000;
constexpr std::size_t most_handlers = 10'000;

// ---- one value

json one_of_these(draw const& d, std::span<std::string_view const> all) {
    return all[d(static_cast<std::uint32_t>(all.size()))];
}

constexpr domain flag{[](located_value const& v) { v.check_flag(); }, [](draw const& d) { return json(d(2) == 1); }};
constexpr domain milliseconds{[](located_value const& v) { v.number("a number of milliseconds", 0, a_day_ms); },
    [](draw const& d) {
        constexpr int some[] = {0, 1, 5, 20, 60, 300, 2000};
        return json(some[d(std::size(some))]);
    }};
constexpr domain a_port{[](located_value const& v) { v.number("a port number", 0, 65'535); },
    [](draw const& d) { return json(d(2) * 8080); }};
constexpr domain count{[](located_value const& v) { v.number("a number", 1, most_requests); },
    [](draw const& d) { return json(1 + d(4)); }};
constexpr domain steps{[](located_value const& v) { v.number("a number of answers", 0, most_steps); },
    [](draw const& d) { return json(d(4)); }};
constexpr domain a_few{[](located_value const& v) { v.number("a number", 1, most_connections); },
    [](draw const& d) { return json(1 + d(3)); }};
template <class enumeration>
constexpr domain word{[](located_value const& v) { v.one_of(server::words<enumeration>()); },
    [](draw const& d) { return one_of_these(d, server::words<enumeration>()); }};
template <std::string_view const&... allowed> inline constexpr std::string_view words_of[] = {allowed...};
template <std::string_view const&... allowed>
constexpr domain one_of{[](located_value const& v) { v.one_of(words_of<allowed...>); },
    [](draw const& d) { return one_of_these(d, words_of<allowed...>); }};

constexpr std::string_view main_scope = "main", none = "none", run = "run", shutdown = "shutdown", stop = "stop",
                           free = "free", signal_at = "signal_at";

// The name becomes part of file names in the user's folder, so it must not lead to another folder.
void check_name(located_value const& v) {
    std::string const& name = v.text("a name");
    auto const allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
            c == '.';
    };
    if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-' ||
        !std::ranges::all_of(name, allowed))
        v.must_be("a name of up to 64 letters, digits, - _ and .");
}

constexpr domain scenario_name{check_name, [](draw const& d) { return json("drawn-" + std::to_string(d(1000))); }};

// Checks a text that is printed unchanged.
void check_line(located_value const& v) {
    std::string const& text = v.text("one line of text");
    if (text.size() > 200 ||
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
        v.must_be("one line of text, of up to 200 characters");
}

constexpr domain one_line{check_line, [](draw const& d) { return json(d(2) ? "" : "drawn \"by\" <a> test, é\\"); }};

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

// The kinds of events that a server never records, as "GROUP.*" or whole names. Their stop points are never reached.
constexpr std::string_view scoped_never_records[] = {"stream.*", "timer.*", "callback.*", "hook.*", "object.*",
    "loop.start", "loop.tick", "loop.serve", "loop.error", "loop.stop_gracefully", "loop.finish", "loop.stopping",
    "request.open", "request.free", "server.destroy", "act.return"};
constexpr std::string_view reactor_never_records[] = {"scope.*", "coroutine.*", "listener.*", "connection.read",
    "connection.write", "connection.close", "server.stopped"};

bool matches(std::string_view kind, std::string_view pattern) {
    if (!pattern.ends_with(".*")) return kind == pattern;
    return kind.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool never_records(server_kind mine, std::string_view kind) {
    auto const among = [kind](std::span<std::string_view const> patterns) {
        return std::ranges::any_of(patterns, [kind](std::string_view pattern) { return matches(kind, pattern); });
    };
    switch (mine) {
    case server_kind::scoped: return among(scoped_never_records);
    case server_kind::reactor: return among(reactor_never_records);
    case server_kind::scopes: break;
    }
    return false;
}

void check_points(located_value const& v) {
    std::string const& points = v.text("stop points, such as \"request.begin#2\"");
    try {
        server::parse_stop_points(points);
    } catch (std::invalid_argument const& e) { v.fail(std::string("is not valid: ") + e.what() + kind_meant(points)); }
}

// Refuses checked stop points that the server never reaches.
void check_recorded(located_value const& v, server_kind mine) {
    for (server::stop_point const& p : server::parse_stop_points(v.json().get_ref<std::string const&>())) {
        std::string const kind(name_of(p.what));
        if (never_records(mine, kind))
            v.fail("can't be \"" + kind + "#" + std::to_string(p.count) + "\": the " +
                std::string(server::word_of(mine)) + " server never records " + kind);
    }
}

// Returns a stop point such as "request.begin#2" of a kind that the server may record, sometimes two.
std::string drawn_points(draw const& d, server_kind mine) {
    std::vector<std::string> known;
    for (std::size_t k = 0; k < traces::kind_count; ++k) {
        std::string const kind(name_of(static_cast<traces::kind>(k))), point = kind + "#" + std::to_string(1 + d(3));
        if (never_records(mine, kind)) continue;
        try {
            server::parse_stop_points(point);
            known.push_back(point);
        } catch (std::invalid_argument const&) {} // a kind that no server records
    }
    auto const one = [&] { return known[d(static_cast<std::uint32_t>(known.size()))]; };
    return d(4) ? one() : one() + "," + one();
}

constexpr domain stop_points{
    check_points, [](draw const& d) {
        constexpr char const* words[] = {"handler", "any", "never", "handler,any", "handler,server.ready#1"};
        std::uint32_t const which = d(2 * std::size(words));
        return json(which < std::size(words) ? words[which] : drawn_points(d, server_kind::scoped));
    }};

// At these points a signal is sent, so the words for calls are refused.
void check_signal_points(located_value const& v) {
    check_points(v);
    std::string const& points = v.json().get_ref<std::string const&>();
    if (server::lists(points, "handler") || server::lists(points, "any"))
        v.must_be("stop points, such as \"request.begin#1\"");
}

constexpr domain signal_points{
    check_signal_points, [](draw const& d) { return json(drawn_points(d, server_kind::reactor)); }};

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
        f->values.check(member);
    }
}

json drawn_object(draw const& d, std::span<field const> fields) {
    json object = json::object();
    for (field const& f : fields)
        if (d(2)) object[std::string(f.name)] = f.values.drawn(d);
    return object;
}

json drawn_list(draw const& d, std::uint32_t least, std::uint32_t most, json (*item)(draw const&)) {
    json list = json::array();
    for (std::uint32_t n = least + d(most - least + 1); n > 0; --n) list.push_back(item(d));
    return list;
}

constexpr domain calls{[](located_value const& v) {
                           for (located_value const& call : v.items("a list of \"stop\" and \"free\"", 0, 2))
                               one_of<stop, free>.check(call);
                       },
    [](draw const& d) { return drawn_list(d, 0, 2, one_of<stop, free>.drawn); }};

constexpr field handler_fields[] = {
    {"act", word<server::act>}, {"delay", milliseconds}, {"steps", steps}, {"calls", calls}};

void check_handlers(located_value const& v) {
    for (located_value const& handler : v.items("a list of handlers", 1, most_handlers)) {
        handler.check_object("a handler, such as {\"act\": \"park\"}");
        check_fields(handler, handler_fields);
    }
}

constexpr domain handlers{check_handlers,
    [](draw const& d) { return drawn_list(d, 1, 3, [](draw const& e) { return drawn_object(e, handler_fields); }); }};

constexpr domain cell_acts{[](located_value const& v) {
                               for (located_value const& act : v.items("a list of acts", 1, most_handlers))
                                   word<server::act>.check(act);
                           },
    [](draw const& d) { return drawn_list(d, 1, 3, word<server::act>.drawn); }};

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
    {"acts", cell_acts},
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
    {signal_at, signal_points},
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
void check_calls(located_value const& document, call_check when) {
    if (when == call_check::later) return;
    scenario s;
    s.server = server::config_from_json(document.json());
    std::string_view act = uncalled_act(s);
    if (when == call_check::where_said && act == stop && !document.find(stop)) {
        s.scoped().stop_at = "never"; // the caller names its moment; free is still checked
        act = uncalled_act(s);
    }
    if (!act.empty()) document.find(act).value_or(document).fail(why_uncalled(act));
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

json drawn_scenario(server_kind kind, draw const& d) {
    json document = drawn_object(d, fields_of(kind));
    document["scenario"] = scenario_name.drawn(d);
    document["server"] = server::word_of(kind);
    return document;
}

void check_scenario(located_value const& document, call_check when) {
    document.check_object("a scenario, such as {\"scenario\": \"name\"}");
    if (auto const named = document.find("server")) word<server_kind>.check(*named);
    auto kind = server_kind::scoped;
    server::read_word(document.json(), "server", kind);
    check_whose_fields(document, kind);
    check_fields(document, fields_of(kind));
    if (!document.find("scenario")) document.fail("has no \"scenario\", its name");

    if (kind == server_kind::reactor) check_signal(document);
    if (when == call_check::never) return;
    for (std::string_view const points : {stop, free, signal_at})
        if (auto const v = document.find(points)) check_recorded(*v, kind);
    if (kind == server_kind::scoped) check_calls(document, when);
}

} // namespace shutdown_repro::repro
