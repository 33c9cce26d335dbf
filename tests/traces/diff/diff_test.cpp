// Tests the comparison of two traces: the pairing of actors, and the differences of their sequences of events.
#include <algorithm>
#include <random>
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"
#include "traces/diff/actor_pairing.hpp"
#include "traces/diff/diff.hpp"
#include "traces/diff/edits.hpp"

using namespace shutdown_repro::traces;

namespace {

std::string numbered(std::vector<std::string> const& lines) {
    std::string out;
    std::size_t seq = 0;
    for (std::string const& line : lines) {
        out += R"({"seq":)" + std::to_string(seq) + R"(,"t":)" + std::to_string(1000 * seq) + "," + line + "}\n";
        ++seq;
    }
    return out + R"({"footer":true,"events":)" + std::to_string(seq) + "}\n";
}

trace told(std::vector<std::string> const& lines, std::string const& header = a_header) {
    return trace_of(header + numbered(lines));
}

// A connection, its request, and the scope and handler of the request.
std::vector<std::string> request(int number, int carries) {
    std::string const n = std::to_string(number), r = std::to_string(carries);
    return {R"("kind":"connection.open","id":"connection:)" + n + R"(","parent":"server:1")",
        R"("kind":"request.begin","id":"request:)" + n + R"(","parent":"connection:)" + n +
            R"(","detail":{"method":"GET","path":"/)" + r + R"("})",
        R"("kind":"scope.open","id":"scope:)" + std::to_string(number + 1) +
            R"(","parent":"scope:1","detail":{"name":{"text":"request:)" + n + R"("}})",
        R"("kind":"coroutine.spawn","id":"coroutine:)" + n + R"(","parent":"scope:)" + std::to_string(number + 1) +
            R"(","detail":{"name":"handler of GET /)" + r + R"("})"};
}

std::vector<std::string> served(int first, int second, std::vector<std::string> const& then = {}) {
    std::vector<std::string> all{
        R"("kind":"server.open","id":"server:1")", R"("kind":"scope.open","id":"scope:1","detail":{"name":"server"})"};
    for (auto const& part : {request(1, first), request(2, second), then})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

std::string line_with(std::string const& text, std::string_view part) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (line.find(part) != line.npos) return line;
    return "no line with " + std::string(part) + " in\n" + text;
}

std::string page(trace const& a, trace const& b, std::size_t width = 80) {
    return diff(compare(a, b), {a, {}, "a.jsonl"}, {b, {}, "b.jsonl"}, {width, false});
}

std::size_t applied(
    std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b, std::vector<edit> const& script) {
    std::size_t x = 0, y = 0, kept = 0;
    for (edit e : script) {
        if (e == edit::keep) {
            REQUIRE(a.at(x) == b.at(y));
            ++kept;
        }
        x += e != edit::only_b;
        y += e != edit::only_a;
    }
    CHECK(x == a.size());
    CHECK(y == b.size());
    return kept;
}

// The length of the longest common subsequence, by dynamic programming.
std::size_t longest(std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b) {
    std::vector<std::vector<std::size_t>> best(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j)
            best[i][j] = a[i - 1] == b[j - 1] ? best[i - 1][j - 1] + 1 : std::max(best[i - 1][j], best[i][j - 1]);
    return best[a.size()][b.size()];
}

} // namespace

TEST_CASE("an edit script leads from one sequence to the other and keeps as much as can be kept") {
    std::mt19937 random(1);
    for (int round = 0; round < 400; ++round) {
        std::vector<std::uint32_t> a(random() % 24), b(random() % 24);
        for (auto* s : {&a, &b})
            for (std::uint32_t& n : *s) n = static_cast<std::uint32_t>(random() % 4);
        CHECK(applied(a, b, edits(a, b)) == longest(a, b));
    }
}

TEST_CASE("sequences that have nothing in common are compared in bounded time") {
    std::vector<std::uint32_t> a(100'000, 1), b(100'000, 2);
    a.front() = b.front() = a.back() = b.back() = 3;
    CHECK(applied(a, b, edits(a, b)) == 2);
}

TEST_CASE("a trace equals itself") {
    trace const a = read_file(TEST_DATA "/scope-disposal.jsonl"), b = read_file(TEST_DATA "/scope-disposal.jsonl");
    comparison const c = compare(a, b);
    CHECK(c.alike());
    CHECK_FALSE(c.decision);
    std::size_t const decisions = static_cast<std::size_t>(
        std::count_if(a.events.begin(), a.events.end(), [](event const& e) { return e.what == kind::decision; }));
    CHECK_THAT(
        page(a, b), ContainsSubstring("same      " + std::to_string(a.events.size() - decisions) + " events of "));
}

TEST_CASE("ids that two executions handed out in another order are the same actors") {
    trace const a = told(served(1, 2)), b = told(served(2, 1));
    actor_list const in_a(a), in_b(b);
    actor_pairing const who(a, in_a, b, in_b);
    for (entity type : {entity::connection, entity::request, entity::coroutine}) {
        CHECK(who.in_b({type, 1}) == ref{type, 2});
        CHECK(who.in_a({type, 1}) == ref{type, 2});
        CHECK(who.number_of_a({type, 1}) == who.number_of_b({type, 2}));
    }
    CHECK(who.in_b({entity::scope, 2}) == ref{entity::scope, 3});
    comparison const c = compare(a, b);
    for (compared_actor const& one : c.actors) CHECK(one.alike); // only ids and order differ
    CHECK(c.reordered);
    CHECK_FALSE(c.alike());
    CHECK_THAT(page(a, b), ContainsSubstring("the same events in another order"));
}

TEST_CASE("a connection whose request was never read is matched with the remaining one") {
    std::vector<std::string> const open{
        R"("kind":"connection.open","id":"connection:1")", R"("kind":"connection.open","id":"connection:2")"};
    auto const first = [&](int which) {
        auto lines = open;
        lines.push_back(R"("kind":"request.begin","id":"request:1","parent":"connection:)" + std::to_string(which) +
            R"(","detail":{"method":"GET","path":"/"})");
        return told(lines);
    };
    trace const a = first(1), b = first(2);
    actor_list const in_a(a), in_b(b);
    actor_pairing const who(a, in_a, b, in_b);
    CHECK(who.in_b({entity::connection, 1}) == ref{entity::connection, 2});
    CHECK(who.in_b({entity::connection, 2}) == ref{entity::connection, 1});
}

TEST_CASE("scopes with other names are other scopes") {
    trace const a = told({R"("kind":"scope.open","id":"scope:1","detail":{"name":"server"})"}),
                b = told({R"("kind":"scope.open","id":"scope:1","detail":{"name":"main"})"});
    comparison const c = compare(a, b);
    REQUIRE(c.actors.size() == 2);
    CHECK_THAT(
        page(a, b), ContainsSubstring("scope:1  server  only in A") && ContainsSubstring("scope:1  main  only in B"));
}

TEST_CASE("differences show both numbers, common events are folded, and the first difference is marked") {
    std::vector<std::string> same;
    for (int i = 0; i < 20; ++i)
        same.push_back(R"("kind":"coroutine.resume","id":"coroutine:1","detail":{"with":"value"})");
    auto ends = [&](std::string const& how) {
        auto lines = served(1, 2, same);
        lines.push_back(R"("kind":"coroutine.finish","id":"coroutine:1","detail":{"result":")" + how + R"("})");
        lines.push_back(R"("kind":"coroutine.remove","id":"coroutine:1")");
        return told(lines);
    };
    trace const a = ends("failed"), b = ends("cancelled");
    std::string const text = page(a, b);
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("… 20 the same"));
    CHECK_THAT(text,
        ContainsSubstring("first     A  #30 coroutine:1 fails with an error (not a cancellation)\n          B  #30 "
                          "coroutine:1 ends: cancelled\n"));
    CHECK_THAT(text, ContainsSubstring("▸-  #30      coroutine:1 fails with an error"));
    CHECK_THAT(text, ContainsSubstring("\n +      #30  coroutine:1 ends: cancelled"));
    CHECK_THAT(line_with(text, "leaves its scope"), ContainsSubstring("    #31 #31  "));
    CHECK(text.find("coroutine:2  handler") == text.npos); // actors without differences are only named
    CHECK_THAT(text, ContainsSubstring("all of server:1, scope:1, scope:2"));
    CHECK_FALSE(compare(a, b).alike());
}

TEST_CASE(
    "traces that differ in numbers, times, ports and causes only are equal, and different details are differences") {
    auto const listens = [](std::string const& detail, std::string const& rest = "") {
        return told({R"("kind":"server.listen","id":"server:1","detail":{)" + detail + "}" + rest});
    };
    CHECK(compare(listens(R"("port":1)"), listens(R"("port":2)")).alike());
    CHECK(compare(listens(R"("port":1)"), listens(R"("port":1)", R"(,"because":[0])")).alike());
    CHECK_FALSE(compare(listens(R"("port":1,"backlog":5)"), listens(R"("port":1,"backlog":6)")).alike());
}

TEST_CASE("the decision that separates two simulated traces is named") {
    auto const decides = [](std::string const& schedule, int choice, std::string const& label) {
        std::string const header = R"({"format":"shutdown-repro/trace","version":"1.0","world":"sim","schedule":")" +
            schedule +
            R"("})"
            "\n";
        return told({R"("kind":"decision","id":"client:1","detail":{"choice":0,"of":2,"label":"the client connects"})",
                        R"("kind":"decision","id":"client:1","detail":{"choice":)" + std::to_string(choice) +
                            R"(,"of":2,"label":")" + label + R"("})",
                        R"("kind":"client.)" + std::string(choice ? "send" : "connect") + R"(","id":"client:1")"},
            header);
    };
    trace const a = decides("default", 0, "the client connects"), b = decides("1=1", 1, "the client sends");
    comparison const c = compare(a, b);
    REQUIRE(c.decision);
    CHECK(c.decision->index == 1);
    CHECK(c.decision->later == 0);
    std::string const text = page(a, b);
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("decided   the first different decision is 1\n"));
    CHECK_THAT(text, ContainsSubstring("A  #1 choice 0 of 2: the client connects (client:1)"));
    CHECK_THAT(text, ContainsSubstring("B  #1 choice 1 of 2: the client sends (client:1)"));
    CHECK_THAT(text, ContainsSubstring("schedule 1=1"));
}

TEST_CASE("a decision is known by its number in the schedule, and the default may be left out") {
    std::string const header = R"({"format":"shutdown-repro/trace","version":"1.0","world":"sim","schedule":"6=1"})"
                               "\n";
    std::string const open = R"("kind":"server.open","id":"server:1")";
    trace const
        a = told(
            {open,
                R"("kind":"decision","id":"control:1","detail":{"number":6,"choice":1,"of":2,"label":"free is called"})"},
            header),
        b = told({open}, header);
    comparison const c = compare(a, b);
    REQUIRE(c.decision);
    CHECK(c.decision->index == 6);
    CHECK(c.decision->separates);
    CHECK_THAT(page(a, b),
        ContainsSubstring(
            "A  #1 choice 1 of 2: free is called (control:1)\n          B  none: the default order continues\n"));
}

TEST_CASE("decisions after the end of a cut trace are not reported as different") {
    std::string const open = R"("kind":"server.open","id":"server:1")",
                      first = R"("kind":"decision","detail":{"number":2,"choice":0,"of":2,"label":"x"})",
                      second = R"("kind":"decision","detail":{"number":6,"choice":1,"of":2,"label":"free is called"})";
    std::string const header = R"({"format":"shutdown-repro/trace","version":"1.0","world":"sim","schedule":"6=1"})"
                               "\n";
    trace const whole = told({open, first, second}, header);
    trace cut = told({open, first}, header);
    CHECK(compare(whole, cut).decision);
    cut.foot.reset();
    CHECK_FALSE(compare(whole, cut).decision);
    CHECK_FALSE(compare(cut, whole).decision);
    CHECK_THAT(page(whole, cut), ContainsSubstring("decided   all decisions that both traces contain are the same"));
    trace const otherwise =
        told({open, R"("kind":"decision","detail":{"number":2,"choice":1,"of":2,"label":"x"})", second}, header);
    CHECK(compare(otherwise, cut).decision->index == 2);
    CHECK(compare(otherwise, cut).decision->later == 0);
}

TEST_CASE("a decision that comes after other differences separates nothing") {
    auto const decides = [](std::string const& kind, int choice) {
        return told({R"("kind":")" + kind + R"(","id":"server:1")",
            R"("kind":"decision","detail":{"choice":)" + std::to_string(choice) + R"(,"of":2,"label":"x"})"});
    };
    trace const a = decides("server.open", 0), b = decides("server.ready", 1);
    CHECK_FALSE(compare(a, b).decision->separates);
    CHECK(compare(a, decides("server.open", 1)).decision->separates);
    CHECK_THAT(page(a, b), ContainsSubstring("the first different decision is 0, after other differences"));
}

TEST_CASE("different events with the same text show their difference") {
    auto const accepted = [](std::string const& rest) {
        return told({R"("kind":"connection.open","id":"connection:1","parent":"server:1")" + rest});
    };
    std::string const text = page(accepted(R"(,"by":"world:1")"), accepted(R"(,"detail":{"backlog":3})"));
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("is accepted by server:1 · by world:1, no backlog\n"));
    CHECK_THAT(text, ContainsSubstring("is accepted by server:1 · by (none), backlog 3\n"));
}

TEST_CASE("differences of the scenarios and of the ends are shown") {
    auto const with = [](std::string const& policy, std::string const& outcome) {
        return trace_of(R"({"format":"shutdown-repro/trace","version":"1.0","scenario":{"scenario":"x","policy":")" +
            policy +
            R"("}})"
            "\n"
            R"({"footer":true,"events":0,"outcome":)" +
            outcome + "}\n");
    };
    trace const a = with("as-reported", R"({"signal":"SIGABRT"})"), b = with("drained", R"({"status":0})");
    std::string const text = page(a, b);
    INFO(text);
    CHECK_THAT(text, ContainsSubstring(R"(scenario  policy: "as-reported" in A, "drained" in B)"));
    CHECK_THAT(text, ContainsSubstring("ends      A: SIGABRT; B: status 0"));
    CHECK_FALSE(compare(a, b).alike());
    CHECK(compare(a, with("drained", R"({"signal":"SIGABRT"})")).alike()); // the scenarios differ without effect
}

TEST_CASE("an actor's thousand events that only one trace has are counted, and 80 columns are kept") {
    std::vector<std::string> many = served(1, 2);
    for (int i = 0; i < 1000; ++i)
        many.push_back(R"("kind":"timer.fire","id":"timer:7","detail":{"name":")" + std::string(100, 'x') +
            std::to_string(i) + R"("})");
    std::string const name(200, 'n'),
        scenario = R"({"format":"shutdown-repro/trace","version":"1.0","scenario":{"long":")" + std::string(200, 's') +
        "\"}}\n";
    trace const a = told(served(1, 2)), b = told(many, scenario);
    std::string const text = diff(compare(a, b), {a, {}, name}, {b, {}, "b"}, {80, false});
    CHECK_THAT(text, ContainsSubstring("timer:7  only in B") && ContainsSubstring("… 992 more"));
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) CHECK(columns(line) <= 80);
}

TEST_CASE("a violated rule is named below its event") {
    trace const a = told(served(1, 2, {R"("kind":"scope.dispose","id":"scope:2")"})), b = told(served(1, 2));
    violation v;
    v.rule = "scope-disposed-nonempty";
    v.level = severity::error;
    v.at = 10;
    std::vector const broken{v};
    std::string const text = diff(compare(a, b), {a, broken, "a"}, {b, {}, "b"}, {80, false});
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("✗ scope-disposed-nonempty\n") && ContainsSubstring("no violation"));
    CHECK_THAT(text, ContainsSubstring("▸-✗ #10 "));
}
