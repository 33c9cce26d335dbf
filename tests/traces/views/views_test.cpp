// Tests the views with traces made by hand, so that each expected line can be derived from the trace above it.
#include <algorithm>
#include <regex>
#include <sstream>
#include "tests/catch.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/state.hpp"
#include "traces/views/views.hpp"

using namespace shutdown_repro::traces;

namespace {

constexpr std::string_view header_line = R"({"format":"shutdown-repro/trace","version":"1.0","world":"sim"})"
                                         "\n";

// Two requests. The first handler stops the server, which is freed while the second handler is suspended. The second
// handler fails during its cancellation, its error climbs to the parent scope, and a listener drops the last reference.
constexpr std::string_view disposal =
    R"({"seq":0,"t":0,"kind":"server.open","id":"server:1","detail":{"name":"scoped","policy":"as-reported"}}
{"seq":1,"t":0,"kind":"scope.open","id":"scope:1","detail":{"name":"server","mode":"unsafe","object":true}}
{"seq":2,"t":1000000,"kind":"scope.open","id":"scope:2","parent":"scope:1","detail":{"name":{"text":"request:1"}}}
{"seq":3,"t":1000000,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:2","detail":{"name":"handler of GET /1"}}
{"seq":4,"t":1000000,"kind":"request.begin","id":"request:1","parent":"connection:1","detail":{"method":"GET","path":"/1"}}
{"seq":5,"t":1000000,"kind":"scope.open","id":"scope:3","parent":"scope:1","detail":{"name":"request:2"}}
{"seq":6,"t":1000000,"kind":"coroutine.spawn","id":"coroutine:2","parent":"scope:3","detail":{"name":"handler of GET /2"}}
{"seq":7,"t":1000000,"kind":"request.begin","id":"request:2","parent":"connection:2","detail":{"method":"GET","path":"/2"}}
{"seq":8,"t":1500000,"kind":"coroutine.start","id":"coroutine:2","by":"coroutine:2","because":[6]}
{"seq":9,"t":1500000,"kind":"coroutine.suspend","id":"coroutine:2","by":"coroutine:2","because":[8],"detail":{"on":"delay","ms":120}}
{"seq":10,"t":60000000,"kind":"coroutine.finish","id":"coroutine:1","by":"coroutine:1","detail":{"result":"completed"}}
{"seq":11,"t":60000000,"kind":"request.finish","id":"request:1","detail":{"result":"answered","status":200}}
{"seq":12,"t":60000000,"kind":"act.stop","id":"server:1","by":"coroutine:1","because":[10]}
{"seq":13,"t":60000000,"kind":"coroutine.remove","id":"coroutine:1","parent":"scope:2"}
{"seq":14,"t":60000000,"kind":"scope.disposed","id":"scope:2"}
{"seq":15,"t":61000000,"kind":"act.free","id":"server:1","by":"control:1"}
{"seq":16,"t":61000000,"kind":"scope.cancel","id":"scope:1","by":"control:1","because":[15],"detail":{"mode":"unsafe"}}
{"seq":17,"t":61000000,"kind":"coroutine.cancel","id":"coroutine:2","by":"control:1","because":[16],"detail":{"mode":"unsafe"}}
{"seq":18,"t":61000000,"kind":"coroutine.resume","id":"coroutine:2","by":"coroutine:2","because":[17],"detail":{"with":"cancellation"}}
{"seq":19,"t":61000000,"kind":"coroutine.finish","id":"coroutine:2","by":"coroutine:2","because":[18],"detail":{"result":"failed","error":"torn"}}
{"seq":20,"t":61000000,"kind":"scope.catch","id":"scope:1","by":"coroutine:2","because":[19],"detail":{"from":"coroutine:2","error":"torn","handled":false}}
{"seq":21,"t":61000000,"kind":"scope.notify","id":"scope:1","by":"coroutine:2","because":[20],"detail":{"listeners":1,"error":"error"}}
{"seq":22,"t":61000000,"kind":"listener.wake","id":"listener:1","parent":"scope:1","by":"coroutine:2","because":[21],"detail":{"error":"error"}}
{"seq":23,"t":61000000,"kind":"scope.unref","id":"scope:1","by":"coroutine:2","because":[21],"detail":{"refs":1,"via":"listener"}}
{"seq":24,"t":61000000,"kind":"scope.dispose","id":"scope:1","by":"coroutine:2","because":[21],"detail":{"refs":0,"live":[]}}
{"seq":25,"t":61000000,"kind":"scope.dispose","id":"scope:3","parent":"scope:1","by":"coroutine:2","because":[24],"detail":{"refs":1,"live":["coroutine:2"]}}
{"seq":26,"t":61000000,"kind":"assert","id":"scope:3","by":"coroutine:2","because":[25],"detail":{"message":"Scope should be empty before disposal","file":"scope.cpp","line":212,"live":["coroutine:2"]}}
)";

void read(trace& t, std::string_view events) {
    read_text_into(std::string(header_line) + std::string(events), "by hand", t);
}

violation disposed_nonempty() {
    violation v;
    v.rule = "scope-disposed-nonempty";
    v.level = severity::error;
    v.subject = {entity::scope, 3};
    v.at = 25;
    v.witness = {6, 25};
    v.message = "scope:3 (request:2) disposed with coroutine:2 inside";
    v.inside = {"coroutine:2   handler of GET /2, spawned at #6"};
    return v;
}

std::vector<std::string> lines(std::string const& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

std::string line_with(std::string const& text, std::string_view part) {
    for (std::string const& line : lines(text))
        if (line.find(part) != line.npos) return line;
    return "no line with " + std::string(part);
}

std::size_t place(std::string const& text, std::string_view part) {
    std::size_t const at = text.find(part);
    INFO("looking for " << part << " in\n" << text);
    REQUIRE(at != text.npos);
    return at;
}

std::size_t widest(std::string const& text) {
    std::size_t n = 0;
    for (std::string const& line : lines(text)) n = std::max(n, columns(line));
    return n;
}

std::string without_color(std::string const& text) {
    return std::regex_replace(text, std::regex("\x1b\\[[0-9;]*m"), "");
}

} // namespace

TEST_CASE("text is cut and wrapped by columns, not by bytes") {
    CHECK(columns("a→b") == 3);
    CHECK(fit("a→b→c", 5) == "a→b→c");
    CHECK(fit("a→b→c", 4) == "a→b…");
    CHECK(fit("abc", 0) == "");
    CHECK(pad("→", 3) == "→  ");
    CHECK(pad_left("→", 3) == "  →");
    CHECK(wrap("one two three", 9, 2) == "one two\n  three");
    CHECK(wrap("a-word-that-is-too-long b", 5, 2) == "a-word-that-is-too-long\n  b");
}

TEST_CASE("durations have a suitable unit") {
    CHECK(duration(503) == "503 ns");
    CHECK(duration(503'110) == "503 µs");
    CHECK(duration(5'031'100) == "5.0 ms");
    CHECK(duration(84'000'000) == "84 ms");
    CHECK(duration(2'149'000'000) == "2.1 s");
    CHECK(milliseconds(84'503'110) == "84.503");
    CHECK(milliseconds(-503'110) == "-0.503");
    CHECK(milliseconds(-1'503'110) == "-1.503");
}

TEST_CASE("the text of a trace can't control the terminal") {
    CHECK(printable("a\x1b[31mb\nc") == "a\\x1b[31mb\\nc");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\xc2\\x9b31m"); // C1 form of the escape character
    CHECK(printable("\xff→") == "\\xff→");
    CHECK(printable("\xe2\x86") == "\\xe2\\x86"); // cut short
    CHECK(printable("\xef\xbf\xbf \xef\xbf\xbd") == "\\xef\\xbf\\xbf \xef\xbf\xbd");
}

TEST_CASE("every kind has words, which stay complete sentences if details are missing") {
    for (std::size_t i = 0; i < kind_count; ++i) {
        event e;
        e.what = static_cast<kind>(i);
        std::string const bare = phrase(e);
        INFO(name_of(e.what) << ": " << bare);
        CHECK_FALSE(bare.empty());
        CHECK(bare.find("  ") == bare.npos);
        CHECK(bare.back() != ' ');
        CHECK(bare.back() != ':');
        e.id = {entity::scope, 7};
        bool const about_somebody_else = e.what == kind::decision || e.what == kind::process_port;
        CHECK((phrase(e).find("scope:7") != std::string::npos) != about_somebody_else);
    }
}

TEST_CASE("a failed coroutine is distinguished from a cancelled one") {
    trace t;
    read(t, disposal);
    CHECK(phrase(t.events[19]) == "coroutine:2 fails with an error \"torn\" (not a cancellation)");
    CHECK(phrase(t.events[10]) == "coroutine:1 ends: completed");
    CHECK(phrase(t.events[23]) == "a reference to scope:1 is dropped (listener): refs 2 → 1");
}

TEST_CASE("a kind of a later version is shown by its own name, with its details") {
    trace t;
    read(t,
        R"({"seq":0,"t":0,"kind":"quantum.leap","id":"scope:1","detail":{"far":true,"how":"\u001b[2J"}})"
        "\n");
    std::string const page = timeline(t, {}, {});
    CHECK_THAT(page, ContainsSubstring("scope:1: far true, how \\x1b[2J"));
    CHECK(kind_text(t.events[0]) == "quantum.leap");
}

TEST_CASE("actors have the order of the scope tree") {
    trace t;
    read(t, disposal);
    std::vector<std::string> order;
    actor_list const who(t);
    for (actor const& m : who.in_order()) order.push_back(std::to_string(m.depth) + " " + to_string(m.id));
    CHECK(order ==
        std::vector<std::string>{"0 server:1", "0 control:1", "0 scope:1", "1 scope:2", "2 coroutine:1", "1 scope:3",
            "2 coroutine:2", "0 listener:1", "0 request:1", "0 request:2"});
    CHECK(who.find({entity::coroutine, 2})->name == "handler of GET /2");
    CHECK(who.find({entity::client, 1}) == nullptr);
}

TEST_CASE("scopes that name each other as parents are all shown, once") {
    trace t;
    read(t, R"({"seq":0,"t":0,"kind":"scope.open","id":"scope:1","parent":"scope:2"}
{"seq":1,"t":0,"kind":"scope.open","id":"scope:2","parent":"scope:1"}
{"seq":2,"t":0,"kind":"scope.open","id":"scope:3","parent":"scope:3"}
)");
    CHECK(actor_list(t).in_order().size() == 3);
    std::string const page = tree(t, {}, {});
    for (auto const* id : {"scope:1", "scope:2", "scope:3"}) CHECK_THAT(page, ContainsSubstring(id));
}

TEST_CASE("the timeline gives every event a row and every actor a lane, and fits the width") {
    trace t;
    read(t, disposal);
    auto const broken = std::vector{disposed_nonempty()};
    for (std::size_t width : {70, 80, 120, 200}) {
        std::string const page = timeline(t, broken, {width, false});
        INFO(page);
        CHECK(widest(page) <= width);
        for (event const& e : t.events) CHECK_THAT(page, ContainsSubstring(" #" + std::to_string(e.seq) + " "));
        CHECK_THAT(page, ContainsSubstring("S server · x control · s scope · c coroutine · L listener · r request"));
    }
}

TEST_CASE("the timeline marks the event that violates a rule and its witnesses, and names the rule") {
    trace t;
    read(t, disposal);
    auto const broken = std::vector{disposed_nonempty()};
    std::string const page = timeline(t, broken, {100, false});
    INFO(page);
    CHECK(line_with(page, "#25 ").starts_with("✗ "));
    CHECK(columns(line_with(page, "#25 ").substr(line_with(page, "#25 ").rfind("✗"))) > 1); // in its lane, too
    CHECK(line_with(page, "#6 ").starts_with("› "));
    CHECK(line_with(page, "#7 ").starts_with("  "));
    CHECK(place(page, "✗ scope-disposed-nonempty  scope:3") > place(page, "#25 "));
    CHECK(place(page, "✗ scope-disposed-nonempty  scope:3") < place(page, "#26 "));
}

TEST_CASE("a lane is drawn while its actor lives, and a line joins the actor to the subject") {
    trace t;
    read(t, R"({"seq":0,"t":0,"kind":"scope.open","id":"scope:1"}
{"seq":1,"t":0,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:1"}
{"seq":2,"t":0,"kind":"coroutine.spawn","id":"coroutine:2","parent":"scope:1"}
{"seq":3,"t":0,"kind":"coroutine.cancel","id":"coroutine:2","by":"scope:1"}
{"seq":4,"t":0,"kind":"coroutine.remove","id":"coroutine:1","parent":"scope:1"}
{"seq":5,"t":0,"kind":"scope.disposed","id":"scope:1"}
)");
    auto const row = lines(timeline(t, {}, {80, false}));
    REQUIRE(row.size() == 9);
    CHECK_THAT(row[0], ContainsSubstring("s scope · c coroutine"));
    CHECK_THAT(row[1], ContainsSubstring("s c c"));
    CHECK_THAT(row[2], ContainsSubstring("1 1 2"));
    CHECK_THAT(row[3], ContainsSubstring("#0  ●      scope:1"));
    CHECK_THAT(row[5], ContainsSubstring("#2  │ │ ●  coroutine:2"));
    CHECK_THAT(row[6], ContainsSubstring("#3  ○─┼─●  "));
    CHECK_THAT(row[7], ContainsSubstring("#4  │ ● │  "));
    CHECK_THAT(row[8], ContainsSubstring("#5  ●   │  "));
}

TEST_CASE("more lanes than fit are a list, with the kinds named") {
    trace t;
    std::string events;
    for (int i = 0; i < 200; ++i)
        events += R"({"seq":)" + std::to_string(i) + R"(,"t":0,"kind":"client.connect","id":"client:)" +
            std::to_string(i + 1) + "\"}\n";
    read(t, events);
    std::string const page = timeline(t, {}, {80, false});
    CHECK(lines(page).size() == 200);
    CHECK(page.find("●") == page.npos);
    CHECK_THAT(lines(page)[7], ContainsSubstring("client.connect  client:8 connects"));
    CHECK(widest(page) <= 80);
    CHECK(widest(timeline(t, {}, {20, false})) <= 40); // too narrow for words, but the rows are complete
    CHECK_THAT(lines(timeline(t, {}, {40, false}))[7],
        ContainsSubstring("#7  client:8 connects")); // the words imply the kind
}

TEST_CASE("the tree of a failed trace shows where each actor was at the failure") {
    trace t;
    read(t, disposal);
    auto const broken = std::vector{disposed_nonempty()};
    std::string const page = tree(t, broken, {100, false});
    INFO(page);
    CHECK_THAT(page, ContainsSubstring("at #26, 61.000 ms: assertion failed on scope:3"));
    CHECK_THAT(line_with(page, "server:1"), ContainsSubstring("stop() called at #12, free() called at #15"));
    CHECK_THAT(line_with(page, "scope:1 "), ContainsSubstring("└ scope:1 server · being disposed, cancelled"));
    CHECK_THAT(line_with(page, "scope:2 "), ContainsSubstring("  ├ scope:2 request:1 · disposed · GET /1 answered"));
    CHECK_THAT(
        line_with(page, "coroutine:1 "), ContainsSubstring("  │ └ coroutine:1 handler of GET /1 · completed, removed"));
    CHECK_THAT(line_with(page, "scope:3 "), ContainsSubstring("  └ scope:3 request:2 · being disposed"));
    CHECK_THAT(line_with(page, "scope:3 "), ContainsSubstring("GET /2 not answered  ✗"));
    CHECK_THAT(line_with(page, "coroutine:2 "),
        ContainsSubstring("    └ coroutine:2 handler of GET /2 · finished (failed) since #19, not removed"));
}

TEST_CASE("the tree of a server that survives its violation shows the first violation") {
    trace t;
    read(t, disposal);
    violation v = disposed_nonempty();
    v.at = 15;
    t.events.pop_back(); // removes the assertion
    std::string const page = tree(t, std::vector{disposed_nonempty(), v}, {100, false});
    INFO(page);
    CHECK_THAT(page, ContainsSubstring("at #15, 61.000 ms: free() is called on server:1 by control:1"));
    CHECK_THAT(line_with(page, "coroutine:2 "), ContainsSubstring("suspended on delay since #9"));
}

TEST_CASE("the tree of a trace without violations shows its end") {
    trace t;
    read(t, std::string(disposal.substr(0, disposal.find("{\"seq\":15"))));
    std::string const page = tree(t, {}, {100, false});
    INFO(page);
    CHECK_THAT(page, ContainsSubstring("at the end, #14, 60.000 ms"));
    CHECK_THAT(line_with(page, "scope:2 "), ContainsSubstring("disposed"));
    CHECK_THAT(line_with(page, "coroutine:2 "), ContainsSubstring("suspended on delay since #9"));
}

TEST_CASE("the tree distinguishes zombies, pending cancellations and coroutines that never ran") {
    trace t;
    read(t, R"({"seq":0,"t":0,"kind":"scope.open","id":"scope:1"}
{"seq":1,"t":0,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:1"}
{"seq":2,"t":0,"kind":"coroutine.start","id":"coroutine:1"}
{"seq":3,"t":0,"kind":"coroutine.zombie","id":"coroutine:1"}
{"seq":4,"t":0,"kind":"coroutine.spawn","id":"coroutine:2","parent":"scope:1"}
{"seq":5,"t":0,"kind":"coroutine.start","id":"coroutine:2"}
{"seq":6,"t":0,"kind":"coroutine.suspend","id":"coroutine:2","detail":{"on":"write"}}
{"seq":7,"t":0,"kind":"coroutine.cancel","id":"coroutine:2","detail":{"mode":"unsafe"}}
{"seq":8,"t":0,"kind":"coroutine.spawn","id":"coroutine:3","parent":"scope:1"}
)");
    std::string const page = tree(t, {}, {});
    INFO(page);
    CHECK_THAT(line_with(page, "coroutine:1"), ContainsSubstring("├ coroutine:1 · running, zombie"));
    CHECK_THAT(line_with(page, "coroutine:2"),
        ContainsSubstring("├ coroutine:2 · suspended on write since #6, cancel pending"));
    CHECK_THAT(line_with(page, "coroutine:3"), ContainsSubstring("└ coroutine:3 · never ran"));
    CHECK_THAT(line_with(page, "scope:1 "), ContainsSubstring("open, 3 coroutines"));
}

TEST_CASE("many ended siblings are counted, and live ones among them are shown") {
    trace t;
    std::string events = R"({"seq":0,"t":0,"kind":"scope.open","id":"scope:1"})"
                         "\n";
    for (int i = 1; i <= 50; ++i) {
        std::string const id = R"("id":"scope:)" + std::to_string(i + 1) + "\"";
        events += R"({"seq":)" + std::to_string(2 * i - 1) + R"(,"t":0,"kind":"scope.open",)" + id +
            R"(,"parent":"scope:1"})"
            "\n";
        if (i != 30) events += R"({"seq":)" + std::to_string(2 * i) + R"(,"t":0,"kind":"scope.disposed",)" + id + "}\n";
    }
    read(t, events);
    std::string const page = tree(t, {}, {});
    INFO(page);
    CHECK_THAT(page, ContainsSubstring("├ … 29 that have ended"));
    CHECK_THAT(page, ContainsSubstring("├ scope:31 · open"));
    CHECK_THAT(page, ContainsSubstring("└ … 20 that have ended"));
}

TEST_CASE("following an id shows all events that mention it, and their causes") {
    trace t;
    read(t, disposal);
    std::string const page = follow(t, {entity::coroutine, 1}, {100, false});
    INFO(page);
    std::vector<std::string> numbers;
    for (std::string const& line : lines(page))
        if (line.find("←") == line.npos) numbers.push_back(line.substr(line.find('#'), 3));
    CHECK(numbers == std::vector<std::string>{"#3 ", "#10", "#12", "#13"});

    std::string const other = follow(t, {entity::scope, 3}, {100, false});
    CHECK(place(other, "#25  scope.dispose") <
        place(other, "← #24 scope.dispose: the disposal of scope:1 begins, refs 0"));
    CHECK(follow(t, {entity::coroutine, 99}, {}).empty());
}

TEST_CASE("an explanation leads from the stop to the violation, in the order of the events") {
    trace t;
    read(t, disposal);
    auto const broken = std::vector{disposed_nonempty()};
    std::string const page = explain(t, broken, {120, false});
    INFO(page);
    CHECK(page.starts_with(
        "scope-disposed-nonempty at #25, 10 steps:\n  scope:3 (request:2) disposed with coroutine:2 inside\n"));
    std::vector<std::string> steps;
    for (std::string const& line : lines(page))
        if (std::smatch m; std::regex_search(line, m, std::regex("^ *[0-9]+ (#[0-9]+) "))) steps.push_back(m[1]);
    CHECK(steps == std::vector<std::string>{"#6", "#15", "#16", "#17", "#18", "#19", "#20", "#21", "#24", "#25"});
    CHECK_THAT(page, ContainsSubstring("and a reference to scope:1 is dropped (listener): refs 2 → 1 (#23)"));
    CHECK(place(page, "coroutine:2 (handler of GET /2): never ran") < place(page, "act.free"));
    CHECK(place(page, "suspended on delay since #9, cancel pending") > place(page, "#17"));
    CHECK(place(page, "finished (failed) since #19, not removed") > place(page, "#19"));
    CHECK(place(page, "still inside") > place(page, "#25  "));
    CHECK_THAT(page, ContainsSubstring("    coroutine:2   handler of GET /2"));
}

TEST_CASE("a failure that violates two rules is explained once") {
    trace t;
    read(t, disposal);
    violation asserted = disposed_nonempty();
    asserted.rule = "assertion-failed";
    asserted.at = 26;
    std::string const page = explain(t, std::vector{disposed_nonempty(), asserted}, {120, false});
    INFO(page);
    std::string const second = page.substr(place(page, "assertion-failed at #26, 11 steps"));
    CHECK_THAT(second, ContainsSubstring("… 10 steps, the same as for scope-disposed-nonempty at #25\n11 #26"));
    CHECK(second.find("#20") == second.npos);
}

TEST_CASE("a rule that is violated a thousand times is explained a few times, and the others are counted") {
    trace t;
    read(t, disposal);
    std::string const page = explain(t, std::vector(1000, disposed_nonempty()), {});
    CHECK(lines(page).size() < 200);
    CHECK(page.ends_with("scope-disposed-nonempty: 996 more like these\n"));
}

TEST_CASE("an explanation of a violation without recorded causes names the stop before it") {
    trace t;
    read(t, R"({"seq":0,"t":0,"kind":"client.send","id":"client:1","detail":{"request":"request:1"}}
{"seq":1,"t":5,"kind":"process.signal","id":"process:1","detail":{"signal":"SIGTERM"}}
{"seq":2,"t":9,"kind":"client.fail","id":"client:1","detail":{"request":"request:1","how":"reset"}}
)");
    violation v;
    v.rule = "connection-reset-inflight";
    v.at = 2;
    v.witness = {0, 2};
    v.message = "request:1 was reset";
    std::string const page = explain(t, std::vector{v}, {});
    INFO(page);
    CHECK_THAT(page, ContainsSubstring("at #2, 3 steps"));
    CHECK(place(page, "client.send") < place(page, "SIGTERM is sent to process:1"));
    CHECK(place(page, "SIGTERM is sent to process:1") <
        place(page, "client:1 gets no complete response to request:1: reset"));
    CHECK_THAT(page, ContainsSubstring("client:1: waits for its response"));
}

TEST_CASE("an explanation of an endless path is cut in the middle") {
    trace t;
    std::string events;
    for (int i = 0; i < 1000; ++i)
        events += R"({"seq":)" + std::to_string(i) +
            R"(,"t":0,"kind":"coroutine.resume","id":"coroutine:1","because":[)" + std::to_string(i ? i - 1 : 999) +
            "]}\n";
    read(t, events);
    violation v;
    v.rule = "r";
    v.at = 999;
    std::string const page = explain(t, std::vector{v}, {});
    CHECK_THAT(page, ContainsSubstring("1000 steps"));
    CHECK_THAT(page, ContainsSubstring("… 970 steps in between"));
    CHECK_THAT(page, ContainsSubstring("#999"));
    CHECK(lines(page).size() < 80);
}

TEST_CASE("a violation at an event that the trace does not contain is still shown") {
    trace t;
    violation v;
    v.rule = "scope-leaked";
    v.at = 77;
    v.message = "scope:1 was never disposed";
    CHECK(explain(t, std::vector{v}, {}) == "scope-leaked at #77:\n  scope:1 was never disposed\n");
    CHECK(timeline(t, std::vector{v}, {}).empty());
    CHECK(tree(t, std::vector{v}, {}) == "no events\n");
}

TEST_CASE("with color the text is the same except for color codes") {
    trace t;
    read(t, disposal);
    auto const broken = std::vector{disposed_nonempty()};
    for (auto view : {timeline, tree, explain}) {
        std::string const plain = view(t, broken, {90, false}), colored = view(t, broken, {90, true});
        CHECK(plain.find('\x1b') == plain.npos);
        CHECK(colored.find('\x1b') != colored.npos);
        CHECK(without_color(colored) == plain);
    }
    CHECK(without_color(follow(t, {entity::scope, 1}, {90, true})) == follow(t, {entity::scope, 1}, {90, false}));
}

TEST_CASE("observations of clients and the process table are described in sentences") {
    trace const t = read_file(TEST_DATA "/every-kind.jsonl");
    std::string said;
    for (event const& e : t.events)
        if (e.seq >= 92 && e.seq < 114) said += phrase(e) + "\n";
    CHECK(said == R"(process:2 starts, forked by process:1: nginx
process:1 starts: nginx
process:1 is ready, with 2 workers
client:3 connects to port 40217, keepalive
process:1 catches SIGQUIT
process:2 has 14 file descriptors open when ready
the traffic of client:4 continues
SIGTERM, which is not the graceful signal, is sent to process:1
process:1 is asked to stop by a command
SIGQUIT is sent to process:1, as a second stop
client:3 has sent half of the head of request:3, 20 bytes
client:3 has sent the rest of request:3, 58 bytes, to a frozen server
client:3 receives GOAWAY: the last stream is 1
client:3 has the complete response to request:3: 200
client:5 gets no complete response to request:4: eof after 90 bytes
client:6 sees its idle connection closed
client:7 closes its own connection
client:8 still has its connection: neither an end of stream nor a reset came
process:1 is asked to stop over HTTP, again
process:1 exits with status 0
process:2 (nginx) still runs after the exit of the server
process:1 leaves 1 of its processes behind
)");
}
