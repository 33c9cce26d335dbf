// Which violations follow from which, against an oracle that multiplies out reachability.
#include <algorithm>
#include <random>
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"
#include "traces/causes/alike.hpp"
#include "traces/causes/roots.hpp"

using namespace shutdown_repro::traces;

namespace {

violation broken(std::string_view rule, seq_t at, std::vector<seq_t> witness = {}) {
    witness.push_back(at);
    return {.rule = rule, .level = severity::error, .at = at, .witness = std::move(witness)};
}

// "0 root, 0 after": the root and the part of each.
std::string text_of(std::vector<defect_place> const& all) {
    std::string out;
    for (defect_place const& d : all)
        out += (out.empty() ? "" : ", ") + std::to_string(d.root) +
            (d.is == defect_part::root            ? " root"
                    : d.is == defect_part::before ? " before"
                                                  : " after");
    return out;
}

seq_t caused(story& s, std::vector<seq_t> causes, std::string_view what, std::string_view id,
    std::initializer_list<field> detail = {}) {
    s.because = std::move(causes);
    seq_t const at = s.tell(what, id, detail);
    s.because.clear();
    return at;
}

// ---- the oracle: one cell for each pair of events, and Warshall's three loops

using matrix = std::vector<std::vector<bool>>;

matrix closure(trace const& t, bool through_free) {
    std::size_t const n = t.events.size();
    matrix reach(n, std::vector<bool>(n));
    auto const passes = [&](std::size_t i) {
        return !is_act(t.events[i].what) || (through_free && t.events[i].what == kind::act_free);
    };
    std::size_t first = 0;
    while (first < n && !is_act(t.events[first].what)) ++first;
    for (std::size_t i = first; i < n; ++i)
        for (seq_t const why : t.events[i].because) reach[i][why] = why >= first;
    for (std::size_t k = 0; k < n; ++k)
        for (std::size_t i = 0; passes(k) && i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) reach[i][j] = reach[i][j] || (reach[i][k] && reach[k][j]);
    return reach;
}

bool follows(trace const& t, matrix const& reach, violation const& b, violation const& a) {
    if (is_act(t.events[a.at].what) || a.at >= b.at) return false;
    bool acted = false;
    for (seq_t i = 0; i <= a.at; ++i) acted = acted || is_act(t.events[i].what);
    return acted && (reach[b.at][a.at] || std::ranges::count(b.witness, a.at));
}

// The earliest of all that it follows from, by however many steps.
std::vector<std::size_t> slow_roots(trace const& t, std::vector<violation> const& all) {
    matrix const strong = closure(t, false), weak = closure(t, true);
    std::vector<std::size_t> root(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        root[i] = i;
        for (std::size_t j = 0; j < i; ++j)
            if (follows(t, strong, all[i], all[j])) root[i] = std::min(root[i], root[j]);
    }
    std::vector<std::size_t> const alone = root;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (alone[i] != i) root[i] = root[alone[i]];
        for (std::size_t j = 0; alone[i] == i && j < i; ++j)
            if (follows(t, weak, all[i], all[j])) root[i] = std::min(root[i], root[j]);
    }
    return root;
}

trace random_trace(std::mt19937& draw, std::vector<violation>& all) {
    story s;
    std::size_t const n = 2 + draw() % 30;
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<seq_t> causes;
        for (std::size_t c = draw() % 3; c > 0 && i > 0; --c) causes.push_back(draw() % i);
        constexpr std::string_view kinds[] = {"act.stop", "act.free", "coroutine.resume", "scope.notify",
            "coroutine.finish", "scope.cancel", "timer.fire"};
        caused(s, causes, kinds[draw() % std::size(kinds)], "coroutine:1");
    }
    for (std::size_t i = 0; i < n; ++i) {
        if (draw() % 3) continue;
        std::vector<seq_t> witness;
        if (draw() % 3 == 0) witness.push_back(draw() % (i + 1));
        all.push_back(broken("timer-lost", i, witness));
        std::ranges::sort(all.back().witness);
    }
    return std::move(s.told);
}

} // namespace

TEST_CASE("roots are those of a slow search that multiplies out which event is reached from which") {
    std::mt19937 draw(7);
    for (int round = 0; round < 3000; ++round) {
        std::vector<violation> all;
        trace const t = random_trace(draw, all);
        std::vector<std::size_t> fast;
        for (defect_place const& d : roots_of(t, all)) fast.push_back(d.root);
        CAPTURE(round);
        REQUIRE(fast == slow_roots(t, all));
    }
}

TEST_CASE("a violation whose event is caused by that of another follows from it") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    seq_t const dispose = caused(s, {0}, "scope.dispose", "scope:1"),
                assert = caused(s, {dispose}, "assert", "scope:1");
    CHECK(text_of(roots_of(
              s.told, std::vector{broken("scope-disposed-nonempty", dispose), broken("assertion-failed", assert)})) ==
        "0 root, 0 after");
}

TEST_CASE("two defects of one execution stay two, although the same stop caused both") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    seq_t const a = caused(s, {0}, "scope.dispose", "scope:1"), b = caused(s, {0}, "timer.cancel", "timer:1");
    CHECK(text_of(roots_of(s.told, std::vector{broken("scope-disposed-nonempty", a), broken("timer-lost", b)})) ==
        "0 root, 1 root");
}

TEST_CASE("two violations about one victim stay two when no edge leads from one to the other") {
    story s;
    seq_t const spawn = caused(s, {}, "coroutine.spawn", "coroutine:1");
    caused(s, {}, "act.stop", "server:1");
    seq_t const a = caused(s, {1}, "server.stopped", "server:1"), b = caused(s, {1}, "server.free", "server:1");
    CHECK(text_of(roots_of(s.told,
              std::vector{broken("stop-returned-early", a, {spawn}), broken("cancelled-not-awaited", b, {spawn})})) ==
        "0 root, 1 root");
}

TEST_CASE("a violation at the stop itself does not hide the effects of the stop") {
    story s;
    seq_t const stop = caused(s, {}, "act.stop", "server:1"), later = caused(s, {stop}, "scope.dispose", "scope:1");
    CHECK(text_of(roots_of(s.told,
              std::vector{broken("access-after-free", stop), broken("scope-disposed-nonempty", later, {stop})})) ==
        "0 root, 1 root");
}

TEST_CASE("what went wrong before a handler called stop does not swallow what follows the stop") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    seq_t const early = caused(s, {0}, "coroutine.resume", "coroutine:1");
    seq_t const again = caused(s, {early}, "act.stop", "server:1"),
                later = caused(s, {again}, "scope.dispose", "scope:1");
    CHECK(text_of(roots_of(
              s.told, std::vector{broken("resumed-after-stop", early), broken("scope-disposed-nonempty", later)})) ==
        "0 root, 1 root");
}

TEST_CASE("a stop that returned early led to what the free that it caused broke") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    seq_t const stopped = caused(s, {0}, "server.stopped", "server:1"),
                free = caused(s, {stopped}, "act.free", "server:1");
    seq_t const dispose = caused(s, {free}, "scope.dispose", "scope:1"),
                assert = caused(s, {dispose}, "assert", "scope:1");
    std::vector all{broken("stop-returned-early", stopped), broken("scope-disposed-nonempty", dispose),
        broken("assertion-failed", assert)};
    CHECK(text_of(roots_of(s.told, all)) == "0 root, 0 after, 0 after");
    seq_t const exit = caused(s, {}, "process.exit", "process:1", {{"signal", "SIGABRT"}});
    all.push_back(broken("crash-on-stop", exit));
    SECTION("and the defect is called after what the process died of") {
        CHECK(text_of(roots_of(s.told, all)) == "1 before, 1 root, 1 after, 1 after");
        CHECK(rules_under(all, roots_of(s.told, all), 1, defect_part::after) == "assertion-failed, crash-on-stop");
        CHECK(defects_in(all, roots_of(s.told, all)) == 1);
    }
}

TEST_CASE("a death of another signal than that of the assertion is not put down to it") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    seq_t const assert = caused(s, {0}, "assert", "scope:1");
    seq_t const exit = caused(s, {}, "process.exit", "process:1", {{"signal", "SIGKILL"}});
    CHECK(text_of(roots_of(s.told, std::vector{broken("assertion-failed", assert), broken("crash-on-stop", exit)})) ==
        "0 root, 1 root");
}

TEST_CASE("a client loses its connection by the death of the server unless the server had closed it") {
    bool const closed = GENERATE(false, true);
    story s;
    s.tell("request.begin", "request:1", {}, "connection:1");
    caused(s, {}, "act.stop", "server:1");
    if (closed) caused(s, {1}, "connection.close", "connection:1", {{"how", "fin"}});
    seq_t const assert = caused(s, {1}, "assert", "scope:1");
    seq_t const exit = caused(s, {assert}, "process.exit", "process:1", {{"signal", "SIGABRT"}});
    seq_t const lost =
        caused(s, {}, "client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", "reset"}});
    std::vector const all{
        broken("assertion-failed", assert), broken("crash-on-stop", exit), broken("connection-reset-inflight", lost)};
    CHECK(text_of(roots_of(s.told, all)) == (closed ? "0 root, 0 after, 2 root" : "0 root, 0 after, 0 after"));
}

TEST_CASE("where the server has several processes, a death is put down to an assertion by an edge only") {
    bool const edge = GENERATE(false, true), ready = GENERATE(false, true);
    story s;
    s.tell("request.begin", "request:1", {}, "connection:1");
    if (ready) s.tell("process.ready", "process:1", {{"workers", 2u}});
    caused(s, {}, "act.stop", "server:1");
    seq_t const assert = caused(s, {}, "assert", "scope:1");
    std::vector<seq_t> causes;
    if (edge) causes.push_back(assert);
    seq_t const exit = caused(s, causes, "process.exit", "process:3", {{"signal", "SIGABRT"}});
    seq_t const lost =
        caused(s, {}, "client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", "reset"}});
    caused(s, {}, "process.exit", "process:1", {{"status", 0u}});
    std::vector const all{
        broken("assertion-failed", assert), broken("crash-on-stop", exit), broken("connection-reset-inflight", lost)};
    CHECK(text_of(roots_of(s.told, all)) == (edge ? "0 root, 0 after, 2 root" : "0 root, 1 root, 2 root"));
}

TEST_CASE("a client that gave up by itself is not put down to the death of the server") {
    story s;
    s.tell("request.begin", "request:1", {}, "connection:1");
    caused(s, {}, "act.stop", "server:1");
    seq_t const assert = caused(s, {1}, "assert", "scope:1");
    caused(s, {assert}, "process.exit", "process:1", {{"signal", "SIGABRT"}});
    seq_t const lost =
        caused(s, {}, "client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", "timeout"}});
    CHECK(text_of(roots_of(
              s.told, std::vector{broken("assertion-failed", assert), broken("connection-reset-inflight", lost)})) ==
        "0 root, 1 root");
}

TEST_CASE("a note explains nothing and is no defect") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    seq_t const a = caused(s, {0}, "scope.dispose", "scope:1"), b = caused(s, {a}, "assert", "scope:1");
    std::vector all{broken("slow-stop", a), broken("assertion-failed", b)};
    all[0].level = severity::note;
    CHECK(text_of(roots_of(s.told, all)) == "0 root, 1 root");
    CHECK(defects_in(all, roots_of(s.told, all)) == 1);
}

TEST_CASE("edges that lead forward or round in a circle end the search and place every violation") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    caused(s, {2}, "scope.notify", "scope:1");
    caused(s, {1, 2, 99}, "scope.notify", "scope:2");
    CHECK(
        text_of(roots_of(s.told, std::vector{broken("timer-lost", 1), broken("timer-lost", 2)})) == "0 root, 0 after");
}

TEST_CASE(
    "the trace of the first report has one defect, called after the scope that was disposed of with work inside") {
    trace const t = read_file(TEST_DATA "/scope-disposal.jsonl");
    rule_run run;
    play(t, run);
    auto const roles = roots_of(t, run.violations());
    CHECK(defects_in(run.violations(), roles) == 1);
    for (std::size_t i = 0; i < roles.size(); ++i)
        if (roles[i].is == defect_part::root) CHECK(run.violations()[i].rule == "scope-disposed-nonempty");
}

namespace {

// A server that gets a signal, loses the requests of two clients and ends; how it handles the signal, and what it dies
// of, differ.
struct stopped {
    story s;
    seq_t status, first_loss, second_loss;
    std::vector<violation> all() const {
        return {broken("stop-signal-unhandled", status), broken("connection-reset-inflight", first_loss),
            broken("connection-reset-inflight", second_loss)};
    }
};
struct stop_of {
    bool caught = false, ignored = false, worker = false, ended_worker = false;
    std::string_view dies_of = "SIGTERM", how = "eof";
};
stopped stop(stop_of const& how) {
    stopped r;
    if (how.worker || how.ended_worker) r.s.tell("process.start", "process:2", {}, "process:1");
    if (how.ended_worker) r.s.tell("process.exit", "process:2", {{"status", 0u}});
    r.status = r.s.tell("process.status", "process:1",
        {{"signal", "SIGTERM"}, {"caught", how.caught}, {"ignored", how.ignored}, {"blocked", false}});
    r.s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}, {"stop", true}});
    r.first_loss = r.s.tell("client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", how.how}});
    r.s.tell("process.exit", "process:1", {{"signal", how.dies_of}});
    r.second_loss = r.s.tell("client.fail", "client:2", {{"request", ref{entity::request, 2}}, {"how", how.how}});
    return r;
}

} // namespace

TEST_CASE("losses after a signal that the process does not catch and dies of follow from that") {
    CHECK(text_of(roots_of(stop({}).s.told, stop({}).all())) == "0 root, 0 after, 0 after");
    stopped const with_helper = stop({.ended_worker = true}); // it had exited before the stop
    CHECK(text_of(roots_of(with_helper.s.told, with_helper.all())) == "0 root, 0 after, 0 after");
    CHECK(level_of_defect(with_helper.all(), roots_of(with_helper.s.told, with_helper.all()), 0) == severity::error);
}

TEST_CASE("losses are not put down to a signal that the process handles, did not die of, or that a worker survived") {
    for (stop_of const& how :
        {stop_of{.caught = true}, {.ignored = true}, {.dies_of = "SIGKILL"}, {.worker = true}, {.how = "timeout"}}) {
        stopped const r = stop(how);
        CHECK(text_of(roots_of(r.s.told, r.all())) == "0 root, 1 root, 2 root");
    }
}

TEST_CASE("roots that are alike are one defect, and its message has their number and ranges") {
    story s;
    caused(s, {}, "act.stop", "server:1");
    std::vector<violation> all;
    for (unsigned i = 1; i <= 3; ++i) {
        seq_t const at = s.tell("client.fail", "client:" + std::to_string(i), {{"how", "eof"}});
        all.push_back(broken("connection-reset-inflight", at));
        all.back().subject = {entity::request, i};
        all.back().message = "request:" + std::to_string(i) + " was sent " + std::to_string(35 + i) +
            " ms before the stop, and its connection was " + (i == 2 ? "reset" : "closed");
    }
    auto const places = roots_of(s.told, all);
    CHECK(text_of(places) == "0 root, 1 root, 2 root");
    CHECK(places[2].like == 0);
    CHECK(places[1].like == 1); // a reset is another message
    CHECK(defects_in(all, places) == 2);
    CHECK(message_of_root(all, places, 0) ==
        "2 requests (request:1, request:3): each was sent 36 to 38 ms before the stop, and its connection was closed");
    CHECK(message_of_root(all, places, 1) == all[1].message);
}

TEST_CASE("violations of one rule that say different things, or of different types of actors, are not alike") {
    auto const is = [](ref who, std::string message) {
        violation v = broken("fd-leak", 1);
        v.subject = who;
        v.message = std::move(message);
        return v;
    };
    violation const one = is({entity::process, 1}, "process:1 has 4 files"),
                    other = is({entity::process, 12}, "process:12 has 1.5 files");
    CHECK(shape_of(one) == shape_of(other));
    CHECK(shape_of(one) != shape_of(is({entity::process, 1}, "process:1 has 4 sockets")));
    CHECK(shape_of(one) != shape_of(is({entity::client, 1}, "process:1 has 4 files")));
    violation const* both[] = {&one, &other};
    CHECK(message_of_all(both) == "2 processes (process:1, process:12): each has 1.5 to 4 files");
}

TEST_CASE("the message of violations that are alike keeps the units of its ranges and names no actor twice") {
    auto const told = [](std::vector<std::string> const& messages, std::vector<std::uint32_t> const& subjects) {
        std::vector<violation> all;
        for (std::size_t i = 0; i < messages.size(); ++i)
            all.push_back({.subject = {entity::request, subjects[i]}, .message = messages[i]});
        std::vector<violation const*> pointers;
        for (violation const& v : all) pointers.push_back(&v);
        return message_of_all(pointers);
    };
    CHECK(told({"request:3's response was truncated after 998 ms", "request:4's response was truncated after 1.2 s",
                   "request:9's response was truncated after 999 ms"},
              {3, 4, 9}) ==
        "3 requests (request:3 … request:9): each one's response was truncated after 998 ms to 1.2 s");
    CHECK(told({"request:1 was lost on client:4", "request:2 was lost on client:11"}, {1, 2}) ==
        "2 requests (request:1, request:2): each was lost on client:4 … client:11");
    CHECK(told({"the port is open", "the port is open"}, {1, 2}) == "2 times: the port is open");
    CHECK(told({"request:1 was lost", "request:1 was lost"}, {1, 1}) == "2 times: request:1 was lost");
}
