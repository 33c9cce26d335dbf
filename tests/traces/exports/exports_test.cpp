// Reads each export as its tool does, and checks the structure instead of comparing with a copy of the output.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"
#include "traces/diff/diff.hpp"
#include "traces/exports/exports.hpp"
#include "traces/views/stats.hpp"
#include "traces/views/views.hpp"

using namespace shutdown_repro::traces;
using json = nlohmann::json;

namespace {

std::string exported(trace const& t, std::string_view format) {
    std::string out;
    auto const it = find_export_format(format)->make(t.head, [&](std::string_view text) { out += text; });
    for (event const& e : t.events) it->on_event(e);
    it->finish();
    return out;
}

trace told(std::vector<std::string> const& lines) {
    std::string text = a_header;
    for (std::size_t i = 0; i < lines.size(); ++i) text += R"({"seq":)" + std::to_string(i) + "," + lines[i] + "}\n";
    return trace_of(text + R"({"footer":true,"events":)" + std::to_string(lines.size()) + "}\n");
}

// Awkward values that other writers may put anywhere.
trace const& hostile() {
    static trace const t = [] {
        std::string const bad =
            R"(</script>\"\\ \u001b[2J\n#9 x\nevil:1 {\"evil:1\":7}\u2028evil:2 {\"evil:2\":9}\u0000\u009b \\N <b> %s)";
        std::vector<std::string> lines{
            R"("t":-9223372036854775808,"kind":"scope.open","id":"scope:4294967295","parent":"scope:0","detail":{"name":")" +
                bad + "\"}",
            R"("t":9223372036854775807,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:4294967295","detail":{"name":")" +
                bad + "\"}",
            R"("t":0,"kind":"coroutine.suspend","id":"coroutine:1","because":[0,1,2,3,99],"detail":{"on":")" + bad +
                R"(","ms":-9223372036854775808})",
            R"("t":0,"kind":"quantum.)" + bad +
                R"(","id":"scope:0","parent":"scope:4294967295","by":"scope:0","detail":{")" + bad +
                R"(":{"deep":[1.5e300]},"yes":true,"who":["scope:0"]})",
            R"("t":0,"kind":"scope.open","id":"scope:0","parent":"scope:4294967295")",
            R"("t":0,"kind":"coroutine.remove","id":"coroutine:1")",
            R"("t":0,"kind":"coroutine.resume","id":"coroutine:1","by":"coroutine:1")", // after its end
            R"("t":0,"kind":"loop.tick")",                                              // has no actor
        };
        trace all = told(lines);
        event raw;
        raw.seq = 8;
        raw.what = kind::scope_open;
        raw.id = {entity::scope, 7};
        field const name{"name", "\xff\xc3( \xed\xa0\x80 \xe2\x80\xa8 \xe0\x82\x9b"}; // invalid UTF-8
        raw.detail = {&name, 1};
        all.append(raw);
        return all;
    }();
    return t;
}

// Every kind with all its details, of which each is an awkward text.
trace const& hostile_details() {
    static trace const t = [] {
        trace const kinds = read_file(TEST_DATA "/every-kind.jsonl");
        trace all;
        for (event e : kinds.events) {
            std::vector<field> detail(e.detail.begin(), e.detail.end());
            for (field& f : detail) f.val = "\x1b[2J\n\xc2\x9b \xe2\x80\xa8 \xff";
            e.detail = detail;
            all.append(e);
        }
        return all;
    }();
    return t;
}

std::vector<trace const*> samples() {
    static trace const real = read_file(TEST_DATA "/scope-disposal.jsonl"),
                       kinds = read_file(TEST_DATA "/every-kind.jsonl"), empty = told({});
    return {&real, &kinds, &empty, &hostile(), &hostile_details()};
}

bool is_utf8(std::string const& text) {
    try {
        return !json(text).dump().empty();
    } catch (json::exception const&) { return false; }
}

// Whether the text has no character with an effect on terminals or line-based readers.
bool is_tame(std::string const& text) {
    return std::none_of(text.begin(), text.end(),
               [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; }) &&
        text.find("\xe2\x80\xa8") == text.npos && text.find("\xc2\x9b") == text.npos;
}

std::vector<std::string> lines(std::string const& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

} // namespace

TEST_CASE("every format is found by its name, and perfetto is chrome's") {
    CHECK(export_formats().size() == 4);
    for (export_format const& f : export_formats()) CHECK(find_export_format(f.name) == &f);
    CHECK(find_export_format("perfetto") == find_export_format("chrome"));
    CHECK(find_export_format("svg") == nullptr);
}

TEST_CASE("every export is UTF-8 without control characters for any names, and the same each time") {
    for (trace const* t : samples())
        for (export_format const& f : export_formats()) {
            INFO(f.name);
            std::string const text = exported(*t, f.name);
            CHECK(is_utf8(text));
            if (f.name == "dot" || f.name == "shiviz") CHECK(is_tame(text)); // JSON escapes such characters instead
            CHECK(text == exported(*t, f.name));
        }
}

TEST_CASE("views of hostile traces are UTF-8 without control characters at every width") {
    for (trace const* t : samples()) {
        stats figures;
        for (event const& e : t->events) figures.on_event(e);
        trace const& other = *samples().front();
        for (std::size_t width : {40u, 80u, 200u})
            for (std::string const& page : {timeline(*t, {}, {width, false}), tree(*t, {}, {width, false}),
                     follow(*t, {entity::coroutine, 1}, {width, false}), figures.text({width, false}),
                     diff(compare(*t, other), {*t, {}, "a\x1b[2J"}, {other, {}, "b"}, {width, false}),
                     diff(compare(other, *t), {other, {}, "a"}, {*t, {}, "b"}, {width, false})}) {
                INFO(page);
                CHECK(is_utf8(page));
                CHECK(is_tame(page));
            }
    }
}

TEST_CASE("a hundred thousand scopes inside each other are compared and exported") {
    trace t;
    event e;
    e.what = kind::scope_open;
    for (std::uint32_t i = 1; i <= 100'000; ++i) {
        e.seq = i - 1;
        e.id = {entity::scope, i};
        e.parent = i > 1 ? ref{entity::scope, i - 1} : ref{};
        t.append(e);
    }
    CHECK(compare(t, t).alike());
    CHECK(lines(exported(t, "dot")).size() ==
        200'003); // a node and an edge for each, no edge for the root, and four lines around them
    CHECK(lines(exported(t, "otlp")).size() == 100'000);
    CHECK(json::parse(exported(t, "chrome")).at("traceEvents").size() == 400'001);
}

// --- Chrome ----------------------------------------------------------------------------------------------------------

TEST_CASE("slices of a thread nest, arrows begin and end inside them, and every thread has a name and a place") {
    for (trace const* t : samples()) {
        json const document = json::parse(exported(*t, "chrome"));
        struct slice {
            double from, to;
        };
        std::map<int, std::vector<slice>> threads;
        std::map<int, std::string> names;
        std::set<std::int64_t> places;
        std::map<std::int64_t, std::map<std::string, json>> arrows;
        std::size_t marks = 0;
        for (json const& e : document.at("traceEvents")) {
            std::string const phase = e.at("ph");
            CHECK(e.at("pid") == 1);
            if (phase != "M") CHECK(e.at("ts").is_number());
            if (phase == "X")
                threads[e.at("tid")].push_back({e.at("ts"), e.at("ts").get<double>() + e.at("dur").get<double>()});
            if (phase == "i") {
                ++marks;
                CHECK(e.at("s") == "t");
            }
            if (phase == "s" || phase == "f") {
                CHECK(e.at("id").is_number_unsigned());
                CHECK(arrows[e.at("id")].emplace(phase, e).second);
            }
            if (phase == "M" && e.at("name") == "thread_name")
                CHECK(names.emplace(e.at("tid"), e.at("args").at("name")).second);
            if (phase == "M" && e.at("name") == "thread_sort_index")
                CHECK(places.insert(e.at("args").at("sort_index").get<std::int64_t>()).second);
        }
        CHECK(marks == static_cast<std::size_t>(std::count_if(t->events.begin(), t->events.end(), [](event const& e) {
            return e.id || e.by;
        })));
        CHECK(names.size() == threads.size());
        CHECK(places.size() == threads.size());
        for (auto& [thread, slices] : threads) {
            CHECK(names.contains(thread));
            std::sort(slices.begin(), slices.end(),
                [](slice const& a, slice const& b) { return a.from != b.from ? a.from < b.from : a.to > b.to; });
            std::vector<slice> open;
            for (slice const& s : slices) {
                CHECK(s.from >= 0);
                CHECK(s.to > s.from);
                while (!open.empty() && open.back().to <= s.from) open.pop_back();
                if (!open.empty()) CHECK(s.to < open.back().to); // holds for sums of floating point numbers, too
                if (!open.empty()) CHECK(s.from > open.back().from);
                open.push_back(s);
            }
        }
        for (auto const& [id, ends] : arrows) {
            REQUIRE(ends.size() == 2);
            CHECK(ends.at("f").at("bp") == "e");
            CHECK(ends.at("s").at("ts") < ends.at("f").at("ts"));
            CHECK(ends.at("s").at("cat") == ends.at("f").at("cat"));
            CHECK(ends.at("s").at("name") == ends.at("f").at("name"));
            for (auto const& [phase, e] : ends) {
                double const at = e.at("ts");
                auto const& inside = threads.at(e.at("tid"));
                CHECK(std::any_of(
                    inside.begin(), inside.end(), [at](slice const& s) { return s.from <= at && at < s.to; }));
            }
        }
    }
}

TEST_CASE("exports keep the order of the many simulated events with the same time") {
    trace const& t = *samples().front();
    double last = -1;
    std::int64_t seq = -1;
    json const document = json::parse(exported(t, "chrome"));
    for (json const& e : document.at("traceEvents"))
        if (e.at("ph") == "i") {
            CHECK(e.at("ts").get<double>() > last);
            CHECK(e.at("args").at("seq").get<std::int64_t>() > seq);
            last = e.at("ts");
            seq = e.at("args").at("seq");
        }
    CHECK(seq > 0);
    CHECK(std::abs(last - static_cast<double>(t.events.back().t - t.events.front().t) / 1000) < 1);
}

TEST_CASE("a coroutine's states are slices inside its life") {
    trace const t = told({R"("t":0,"kind":"coroutine.spawn","id":"coroutine:1")",
        R"("t":1000,"kind":"coroutine.start","id":"coroutine:1")",
        R"("t":5000,"kind":"coroutine.suspend","id":"coroutine:1","detail":{"on":"delay"})",
        R"("t":9000,"kind":"coroutine.remove","id":"coroutine:1")"});
    std::map<std::string, std::pair<double, double>> slices;
    json const document = json::parse(exported(t, "chrome"));
    for (json const& e : document.at("traceEvents"))
        if (e.at("ph") == "X") slices[e.at("name")] = {e.at("ts"), e.at("dur")};
    CHECK(slices.at("coroutine:1").first == 0);
    CHECK(slices.at("running") == std::pair(1.0, 3.999));
    CHECK(slices.at("suspended on delay").first == 5);
}

// --- OTLP ------------------------------------------------------------------------------------------------------------

namespace {

std::vector<json> spans(trace const& t) {
    std::vector<json> all;
    for (std::string const& line : lines(exported(t, "otlp"))) {
        json const request = json::parse(line);
        REQUIRE(request.at("resourceSpans").size() == 1);
        json const& resource = request.at("resourceSpans")[0];
        CHECK(resource.at("resource").at("attributes")[0].at("key") == "service.name");
        for (json const& s : resource.at("scopeSpans").at(0).at("spans")) all.push_back(s);
    }
    return all;
}

std::uint64_t time_of(json const& s, char const* key) {
    REQUIRE(s.at(key).is_string());
    std::string const text = s.at(key);
    CHECK(text.find_first_not_of("0123456789") == text.npos);
    return std::stoull(text);
}

} // namespace

TEST_CASE("spans have hex ids, times as text, and a parent that began before") {
    std::regex const trace_id("[0-9a-f]{32}"), span_id("[0-9a-f]{16}");
    for (trace const* t : samples()) {
        std::map<std::string, json> by_id;
        std::size_t events = 0;
        for (json const& s : spans(*t)) {
            CHECK(std::regex_match(s.at("traceId").get<std::string>(), trace_id));
            CHECK(std::regex_match(s.at("spanId").get<std::string>(), span_id));
            CHECK(by_id.emplace(s.at("spanId"), s).second);
            CHECK(s.at("kind") == 1);
            std::uint64_t const from = time_of(s, "startTimeUnixNano"), to = time_of(s, "endTimeUnixNano");
            CHECK(from > 0);
            CHECK(from <= to);
            for (json const& e : s.at("events")) {
                ++events;
                CHECK(time_of(e, "timeUnixNano") >= from);
                CHECK(time_of(e, "timeUnixNano") <= to);
                std::set<std::string> keys;
                for (json const& a : e.at("attributes")) {
                    CHECK(a.at("value").size() == 1);
                    if (a.at("value").contains("intValue")) CHECK(a.at("value").at("intValue").is_string());
                    CHECK(keys.insert(a.at("key").get<std::string>()).second);
                }
            }
        }
        CHECK(events == static_cast<std::size_t>(std::count_if(t->events.begin(), t->events.end(), [](event const& e) {
            return e.id || e.by;
        })));
        for (auto const& [id, s] : by_id) {
            for (json const& l : s.at("links")) CHECK(by_id.contains(l.at("spanId")));
            std::set<std::string> way{id};
            for (json const* up = &s; up->contains("parentSpanId");) { // leads to the root and forms no ring
                std::string const parent = up->at("parentSpanId");
                REQUIRE(by_id.contains(parent));
                REQUIRE(way.insert(parent).second);
                up = &by_id.at(parent);
            }
        }
    }
}

TEST_CASE("spans have the hierarchy of the scope tree, and the span of a failed coroutine has the error") {
    trace const t = told({R"("t":0,"kind":"scope.open","id":"scope:1")",
        R"("t":0,"kind":"scope.open","id":"scope:2","parent":"scope:1")",
        R"("t":0,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:2","detail":{"name":"handler"})",
        R"("t":0,"kind":"coroutine.finish","id":"coroutine:1","detail":{"result":"failed"})"});
    std::map<std::string, json> by_name;
    for (json const& s : spans(t)) by_name[s.at("name")] = s;
    CHECK(by_name.at("scope:2").at("parentSpanId") == by_name.at("scope:1").at("spanId"));
    CHECK(by_name.at("coroutine:1 handler").at("parentSpanId") == by_name.at("scope:2").at("spanId"));
    CHECK(by_name.at("coroutine:1 handler").at("status").at("code") == 2);
    CHECK_FALSE(by_name.at("scope:1").at("status").contains("code"));
}

TEST_CASE("different schedules give different trace ids") {
    trace a = told({R"("t":0,"kind":"scope.open","id":"scope:1")"});
    json const first = spans(a).at(0);
    a.head.schedule = "1=1";
    CHECK(spans(a).at(0).at("traceId") != first.at("traceId"));
    CHECK(spans(a).at(0).at("spanId") != first.at("spanId"));
}

// --- DOT -------------------------------------------------------------------------------------------------------------

TEST_CASE("the graph has a node for each scope and coroutine and an edge to its parent") {
    std::string const text = exported(*samples().front(), "dot");
    std::regex const statement(R"re(  "([a-z]+:[0-9]+)"( -> "([a-z]+:[0-9]+)")? ?(\[.*\])?;)re");
    std::set<std::string> nodes;
    std::set<std::pair<std::string, std::string>> edges;
    for (std::string const& line : lines(text)) {
        std::smatch m;
        if (!std::regex_match(line, m, statement)) continue;
        if (m[3].matched) edges.emplace(m[1], m[3]);
        else nodes.insert(m[1]);
    }
    for (event const& e : samples().front()->events) {
        if (e.what != kind::scope_open && e.what != kind::coroutine_spawn) continue;
        CHECK(nodes.contains(to_string(e.id)));
        if (e.parent) CHECK(edges.contains({to_string(e.parent), to_string(e.id)}));
    }
    for (auto const& [from, to] : edges) CHECK((nodes.contains(from) && nodes.contains(to)));
}

TEST_CASE("every name stays inside its quotes in a graph") {
    for (std::string const& line : lines(exported(hostile(), "dot"))) {
        // Outside quotes there are only our own words.
        std::string outside;
        bool in = false;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (in && line[i] == '\\') ++i;
            else if (line[i] == '"') in = !in;
            else if (!in) outside += line[i];
        }
        INFO(line);
        CHECK_FALSE(in);
        CHECK(outside.find_first_not_of("abcdefghijklmnopqrstuvwxyzR0123456789 {}[]=,;->LR") == outside.npos);
    }
}

// --- ShiViz ----------------------------------------------------------------------------------------------------------

namespace {

struct logged {
    std::string text, host;
    std::map<std::string, std::uint64_t> clock;
};

// Parses as ShiViz does: the first line is the regular expression of an event, the second one separates executions, and
// the rest is matched.
std::vector<logged> log_of(trace const& t) {
    std::string const text = exported(t, "shiviz");
    CHECK(text.starts_with("(?<event>.*)\\n(?<host>\\S*) (?<clock>{.*})\n\n"));
    std::string const body = text.substr(text.find("\n\n") + 2);
    std::vector<logged> all;
    auto const rows = lines(body);
    CHECK(rows.size() % 2 == 0);
    std::regex const host(R"((\S*) (\{.*\}))");
    for (std::size_t i = 0; i + 1 < rows.size(); i += 2) {
        std::smatch m;
        REQUIRE(std::regex_match(rows[i + 1], m, host));
        logged l{rows[i], m[1], {}};
        json const clock = json::parse(m[2].str());
        for (auto const& [who, at] : clock.items()) l.clock[who] = at;
        all.push_back(l);
    }
    return all;
}

} // namespace

TEST_CASE("the own entry of a clock counts the events of its host, and no clock is ahead of another host") {
    for (trace const* t : samples()) {
        std::map<std::string, std::map<std::string, std::uint64_t>> latest;
        auto const log = log_of(*t);
        CHECK(log.size() ==
            static_cast<std::size_t>(
                std::count_if(t->events.begin(), t->events.end(), [](event const& e) { return e.id || e.by; })));
        for (logged const& l : log) {
            CHECK(l.clock.at(l.host) == (latest.contains(l.host) ? latest.at(l.host).at(l.host) : 0) + 1);
            for (auto const& [who, at] : l.clock)
                if (who != l.host) CHECK(at <= latest.at(who).at(who));
            for (auto const& [who, at] : latest[l.host]) CHECK(l.clock.at(who) >= at); // a clock never goes back
            latest[l.host] = l.clock;
        }
    }
}

TEST_CASE("a vector clock is at least that of each cause and of the acting host") {
    trace const t = told({R"("t":0,"kind":"scope.open","id":"scope:1")", R"("t":0,"kind":"scope.open","id":"scope:2")",
        R"("t":0,"kind":"scope.open","id":"scope:3","because":[0])",
        R"("t":0,"kind":"scope.cancel","id":"scope:4","by":"scope:3")",
        R"("t":0,"kind":"scope.cancel","id":"scope:5")"});
    auto const log = log_of(t);
    REQUIRE(log.size() == 5);
    using clock = std::map<std::string, std::uint64_t>;
    CHECK(log[1].clock == clock{{"scope:2", 1}});
    CHECK(log[2].clock == clock{{"scope:1", 1}, {"scope:3", 1}});
    CHECK(log[3].clock == clock{{"scope:1", 1}, {"scope:3", 1}, {"scope:4", 1}});
    CHECK(log[4].clock == clock{{"scope:5", 1}});
}

TEST_CASE("too many actors for ShiViz are refused, and the error says what to do") {
    trace t;
    event e;
    e.what = kind::client_connect;
    for (std::uint32_t i = 0; i < 300; ++i) {
        e.seq = i;
        e.id = {entity::client, i};
        t.append(e);
    }
    CHECK_THROWS_WITH(exported(t, "shiviz"), ContainsSubstring("250 actors") && ContainsSubstring("--filter"));
}
