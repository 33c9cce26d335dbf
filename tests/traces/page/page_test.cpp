// Tests the text of the page. tests/cli/report/html_test.cpp tests it in a browser.
#include <algorithm>
#include <regex>
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"
#include "traces/diff/diff.hpp"
#include "traces/page/assets.hpp"
#include "traces/page/html_text.hpp"
#include "traces/page/lane_view.hpp"
#include "traces/page/page.hpp"

using namespace shutdown_repro::traces;

namespace {

struct judged_trace {
    trace told;
    std::vector<violation> violations;
    explicit judged_trace(trace t) : told(std::move(t)) {
        rule_run run;
        run.on_header(told.head);
        play(told, run, told.foot.has_value());
        violations = run.violations();
    }
    html_side side() const {
        return {.trace = told, .violations = violations, .verdict = verdict_of(violations, true), .name = "a.jsonl"};
    }
    std::string page() const { return as_html({.title = "a title", .side = side()}); }
};

judged_trace report() { return judged_trace(read_file(TEST_DATA "/scope-disposal.jsonl")); }

std::size_t count(std::string const& text, std::string const& part) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++n;
    return n;
}

std::string between(std::string const& text, std::string const& from, std::string const& to) {
    auto const begin = text.find(from);
    REQUIRE(begin != text.npos);
    return text.substr(begin, text.find(to, begin) - begin);
}

std::vector<std::string> all(std::string const& text, std::string const& expression) {
    std::vector<std::string> found;
    std::regex const r(expression);
    for (std::sregex_iterator it(text.begin(), text.end(), r), end; it != end; ++it) found.push_back((*it)[1]);
    return found;
}

// A trace of `n` requests, each with a scope. The last scope is disposed with its handler inside.
trace crowd(int n) {
    story s;
    s.tell("server.open", "server:1", {{"name", "crowded"}});
    s.tell("scope.open", "scope:1", {{"name", "server"}});
    for (int i = 2; i < n + 2; ++i) {
        std::string const scope = "scope:" + std::to_string(i), coroutine = "coroutine:" + std::to_string(i);
        s.tell("scope.open", scope, {}, "scope:1");
        s.tell("coroutine.spawn", coroutine, {{"name", "handler"}}, scope);
        s.tell("coroutine.start", coroutine);
        if (i == n + 1) break;
        s.tell("coroutine.finish", coroutine, {{"result", "completed"}});
        s.tell("coroutine.remove", coroutine, {}, scope);
    }
    s.tell("act.stop", "server:1");
    s.tell("scope.dispose", "scope:" + std::to_string(n + 1));
    return std::move(s.told);
}

} // namespace

TEST_CASE("escaped text can end neither an element nor an attribute of the page") {
    CHECK(html_text("<img src=x onerror='a()'> & \"b\"") ==
        "&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;b&quot;");
    CHECK(html_text("\x1b[31m\r\n") == "\\x1b[31m\\r\\n");
    CHECK(html_text(std::string("a\0b", 3)) == "a\\x00b");
    CHECK(html_text("ü – 漢") == "ü – 漢");
}

TEST_CASE("invalid UTF-8 of every kind becomes visible on the page") {
    CHECK(html_text("\xff\xc3(") == "\\xff\\xc3(");
    CHECK(html_text("\xc0\xbc") == "\\xc0\\xbc");                   // "<" in two bytes
    CHECK(html_text("\xe0\x80\xbc") == "\\xe0\\x80\\xbc");          // in three
    CHECK(html_text("\xed\xa0\x80") == "\\xed\\xa0\\x80");          // half a surrogate pair
    CHECK(html_text("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80"); // above the last code point
}

TEST_CASE("text for the script can end neither the script nor its string, and has no hidden line ends or direction "
          "controls") {
    CHECK(script_text("</script><!--\"\\") == "\"\\u003c/script\\u003e\\u003c!--\\\"\\\\\"");
    CHECK(script_text("a\u2028b\u2029c") == "\"a\\\\xe2\\\\x80\\\\xa8b\\\\xe2\\\\x80\\\\xa9c\"");
    CHECK(html_text("a\u202eb") == "a\\xe2\\x80\\xaeb");
}

TEST_CASE("the digest of a script becomes the expression of the policy that allows it") {
    CHECK(csp_hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") ==
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}

TEST_CASE("the style and script of the page are small, access no network, and turn no text into markup") {
    std::string const script(html_script.text), style(html_style.text);
    CHECK(script.size() <= 40'000);
    CHECK(script.size() > 1'000);
    for (auto const* risky : {"</script", "<!--", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(",
             "Function(", "import", "fetch(", "XMLHttp"})
        CHECK(script.find(risky) == script.npos);
    CHECK(count(script, "http") == count(script, "http://www.w3.org/2000/svg"));
    for (auto const* risky : {"</style", "url(", "@import", "http"}) CHECK(style.find(risky) == style.npos);
}

TEST_CASE("the report's page tells the violation, who was inside, the way and every event in words, all of it without "
          "a script") {
    judged_trace const r = report();
    std::string const page = r.page();
    CHECK_THAT(page, ContainsSubstring("<p class=\"verdict violated\">"));
    for (violation const& v : r.violations) CHECK_THAT(page, ContainsSubstring(html_text(v.message)));
    CHECK_THAT(page, ContainsSubstring("<b>coroutine:4</b> handler of GET /2, spawned at #34"));
    CHECK_THAT(page, ContainsSubstring("class=\"act\"><a href=\"#e")); // the path begins with the act
    std::string const body = std::regex_replace(page, std::regex("<script[^]*?</script>"), "");
    CHECK(count(body, "<tr id=\"e") == r.told.events.size());
    CHECK_THAT(body, ContainsSubstring("free() is called on server:1 by control:1"));
    CHECK(count(body, "class=\"at flag\"") == 2); // stop and free
    CHECK(count(body, "class=\"decides") ==
        static_cast<std::size_t>(std::count_if(
            r.told.events.begin(), r.told.events.end(), [](event const& e) { return e.what == kind::decision; })));
    CHECK(all(page, "<[^>]*( on[a-z]+=)").empty()); // a policy that blocks scripts blocks these
    CHECK(all(page, "<[^>]*( style=)").empty());    // a policy that blocks styles blocks these
}

TEST_CASE("links of the page lead only to anchors of the page") {
    std::string const page = report().page();
    auto ids = all(page, " id=\"([^\"]*)\"");
    std::sort(ids.begin(), ids.end());
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
    auto const links = all(page, "href=\"([^\"]*)\"");
    CHECK(links.size() > 100);
    for (std::string const& link : links) {
        INFO(link);
        REQUIRE(link.starts_with("#"));
        CHECK(std::binary_search(ids.begin(), ids.end(), link.substr(1)));
    }
    CHECK(page.find("src=") == page.npos);
}

TEST_CASE("lanes have the order of the scope tree") {
    std::vector<std::string> const names =
        all(between(report().page(), "<svg class=\"names\"", "</svg>"), "class=\"id\"[^>]*>([^<]*)<");
    std::vector<std::string> const tree{"server:1", "control:1", "scope:1", "coroutine:1", "coroutine:2", "scope:2",
        "scope:3", "coroutine:3", "scope:4", "coroutine:4"};
    REQUIRE(names.size() > tree.size());
    CHECK(std::vector<std::string>(names.begin(), names.begin() + 10) == tree);
}

TEST_CASE("arrows lead from each cause to its effect, up to the violation") {
    judged_trace const r = report();
    html_view const v(r.side(), "");
    std::size_t const broken =
        v.index_of(std::find_if(r.violations.begin(), r.violations.end(), [](violation const& x) {
            return x.rule == "scope-disposed-nonempty";
        })->at);
    std::size_t at = broken, steps = 0;
    auto const into = [&](std::size_t to) {
        return std::find_if(v.arrows().begin(), v.arrows().end(), [to](auto const& a) { return a.second == to; });
    };
    while (into(at) != v.arrows().end() && ++steps) at = into(at)->first;
    CHECK(v.events()[at].what == kind::act_free);
    CHECK(steps > 5);
    CHECK_THAT(r.page(), ContainsSubstring("<path class=\"arrows\" d=\"M"));
}

TEST_CASE("the page of a trace without violations has no arrows, no crosses and no cards") {
    story s;
    s.tell("server.open", "server:1");
    s.tell("act.stop", "server:1", {}, {}, "control:1");
    std::string const page = judged_trace(std::move(s.told)).page();
    CHECK_THAT(page, ContainsSubstring("<p class=\"verdict clean\">"));
    for (auto const* none : {"class=\"arrows", "class=\"at cross", "class=\"card", "led to the violation<"}) {
        INFO(none);
        CHECK(page.find(none) == page.npos);
    }
}

TEST_CASE("each time on the axis is written once, where there is space") {
    story s;
    for (int i = 0; i < 40; ++i) {
        s.now = (i / 10) * 20'000'000 + (i < 10 ? 0 : i); // four moments, at which the clock advances only a little
        s.tell("loop.tick", "loop:1");
    }
    CHECK(all(judged_trace(std::move(s.told)).page(), "class=\"at time\"[^]*?<text[^>]*>([^<]*)<") ==
        std::vector<std::string>{"0", "20 ms", "40 ms", "60 ms"});
}

TEST_CASE("with many actors lanes are shared, except those of actors that a violation concerns") {
    judged_trace const r(crowd(300));
    html_view const v(r.side(), "");
    CHECK(v.lanes().size() < 20);
    CHECK(v.lane_of({entity::coroutine, 7}) == v.lane_of({entity::scope, 90}));
    for (ref id : {ref{entity::scope, 301}, ref{entity::scope, 1}, ref{entity::server, 1}}) {
        INFO(to_string(id));
        CHECK_FALSE(v.lanes()[v.lane_of(id)].shared());
    }
    CHECK_THAT(r.page(), ContainsSubstring("… 59"));
}

TEST_CASE("a long trace is drawn coarsely, and every event of it is in the list") {
    judged_trace const r(crowd(600));
    std::string const page = r.page();
    CHECK(r.told.events.size() > 2000);
    CHECK(count(page, "<tr id=\"e") == r.told.events.size());
    CHECK(count(between(page, "<svg class=\"chart\"", "</svg>"), "<path") < 200);
    CHECK(page.size() < 400 * r.told.events.size());
}

TEST_CASE("a few violations of one rule are shown and the others counted") {
    story s;
    for (int i = 1; i < 30; ++i) {
        std::string const scope = "scope:" + std::to_string(i), coroutine = "coroutine:" + std::to_string(i);
        s.tell("scope.open", scope);
        s.tell("coroutine.spawn", coroutine, {}, scope);
        s.tell("scope.dispose", scope);
    }
    std::string const page = judged_trace(std::move(s.told)).page();
    CHECK_THAT(page, ContainsSubstring("29 scopes (scope:1 … scope:29)"));
    CHECK(count(page, "disposed with coroutine:") > 29); // the list has each violation
}

TEST_CASE("of many live members, a few are named and the others counted") {
    story s;
    s.tell("scope.open", "scope:1");
    for (int i = 1; i <= 429; ++i) s.tell("coroutine.spawn", "coroutine:" + std::to_string(i), {}, "scope:1");
    s.tell("scope.dispose", "scope:1");
    CHECK_THAT(judged_trace(std::move(s.told)).page(),
        ContainsSubstring("coroutine:6</b>") && ContainsSubstring("<li>… and 423 more</li>"));
}

TEST_CASE("a trace without events, and events without a subject, still make a page") {
    CHECK_THAT(judged_trace(trace()).page(), ContainsSubstring("The trace has no events."));
    trace t;
    event e;
    e.seq = 4;
    e.what_text = "odd.thing";
    t.append(e);
    e.t = -5; // the number is repeated, too
    t.append(e);
    CHECK_THAT(judged_trace(std::move(t)).page(), ContainsSubstring("odd.thing"));
}

TEST_CASE("the first difference of two executions is marked, and differences of times and policies do not count") {
    auto const told = [](char const* policy, nanoseconds pace, int choice) {
        story s;
        s.tell("server.open", "server:1", {{"policy", policy}});
        s.now += pace;
        s.tell("server.ready", "server:1");
        s.tell("decision", "server:1", {{"choice", choice}});
        return judged_trace(std::move(s.told));
    };
    judged_trace const a = told("as-reported", 5, 0), b = told("drained", 7, 1);
    CHECK(parting(html_view(a.side(), ""), html_view(b.side(), "t")) == std::pair<std::size_t, std::size_t>(2, 2));
    CHECK(parting(html_view(a.side(), ""), html_view(a.side(), "t")) == std::pair(html_view::none, html_view::none));
    std::string const page = as_html({.title = "two", .side = a.side(), .twin = b.side()});
    CHECK_THAT(
        page, ContainsSubstring("up to the first difference, at <a href=\"#e2\">#2</a> and <a href=\"#te2\">#2</a>"));
    CHECK(count(page, "class=\"at parts\"") == 2);
    CHECK(count(page, "<section class=\"side\"") == 2);
}

TEST_CASE(
    "two executions that differ only in a port or in the number of an actor have the same events on a page, too") {
    auto const told = [](int port, char const* client, char const* detail) {
        story s;
        s.tell("server.open", "server:1");
        s.tell("server.listen", "server:1", {{"port", port}});
        s.tell("client.connect", client, {{"port", port}});
        s.tell("client.connected", client, {{"how", detail}});
        return judged_trace(std::move(s.told));
    };
    judged_trace const a = told(40'001, "client:1", "well"), b = told(40'002, "client:2", "well"),
                       c = told(40'003, "client:3", "badly");
    CHECK(compare(a.told, b.told).alike());
    CHECK_THAT(as_html({.title = "two", .side = a.side(), .twin = b.side()}),
        ContainsSubstring("Both traces have the same events."));
    CHECK_THAT(as_html({.title = "two", .side = a.side(), .twin = c.side()}),
        ContainsSubstring("up to the first difference, at <a href=\"#e3\">#3</a> and <a href=\"#te3\">#3</a>"));
}

TEST_CASE("the text of a hostile trace stays text everywhere on the page") {
    std::string const attack =
        "\"'><img src=x "
        "onerror=alert(1)></title></script></style></svg><script>alert(2)</script>\u2028\x1b[31m\xff<!--";
    story s;
    s.told.head.tool = attack;
    s.tell("server.open", "server:1", {{"name", attack}, {"policy", attack}});
    s.tell("scope.open", "scope:1", {{"name", attack}});
    s.tell("coroutine.spawn", "coroutine:1", {{"name", attack}}, "scope:1");
    s.tell("assert", "scope:1", {{"message", attack}, {"file", attack}});
    s.tell("process.stderr", "process:1", {{"text", attack}});
    s.tell("scope.dispose", "scope:1", {{"refs", 1}});
    field const odd[] = {{attack, attack}};
    event unknown;
    unknown.seq = 6;
    unknown.id = {entity::scope, 1};
    unknown.detail = odd;
    unknown.what_text = attack;
    s.told.append(unknown);
    judged_trace const r(std::move(s.told));
    std::vector<std::string> const problems{attack};
    html_side side = r.side();
    side.problems = problems;
    side.name = attack;
    std::string const page =
        as_html({.title = attack, .side = side, .twin = side, .again = attack, .facts = {{attack, attack}}});
    CHECK(count(page, "&lt;img src=x onerror=alert(1)&gt;") > 15);
    CHECK(page.find("<img") == page.npos);
    CHECK(count(page, "<script") == 3); // the data of two sides and our script
    CHECK(count(page, "</script") == 3);
    CHECK(count(page, "<!--") == 0);
    CHECK(count(page, "</style") == 1);
    CHECK(count(page, "</title>") == count(page, "<title>"));
    for (char c : {'\x1b', '\xff', '\0'}) CHECK(page.find(c) == page.npos);
    CHECK(page.find("\u2028") == page.npos);
}
