// Judges the shutdown policies of the scoped server by the rules: the policy of the report and the upstream fix fail
// where the measured code fails, and drained never fails.
#include <algorithm>
#include <set>
#include <sstream>
#include "repro/sim/execute.hpp"
#include "tests/catch.hpp"
#include "traces/format/jsonl.hpp"

using namespace shutdown_repro;
using repro::scenario;

namespace {

struct policy_result {
    traces::trace trace;
    std::vector<traces::violation> violations;
    bool complete() const { return trace.foot && trace.problems.empty(); }
    std::set<std::string> rules() const {
        std::set<std::string> ids;
        for (auto const& v : violations)
            if (v.level != traces::severity::note) ids.insert(std::string(v.rule));
        return ids;
    }
    std::string last_assertion() const {
        for (auto e = trace.events.rbegin(); e != trace.events.rend(); ++e)
            if (e->what == traces::kind::assertion) return std::string(e->text("message"));
        return "";
    }
};

policy_result run_policy(scenario const& s, repro::schedule const& order = {}) {
    static repro::simulator sim; // reused on purpose: an execution must not depend on an earlier one
    policy_result j;
    repro::follow decisions{order};
    traces::rule_run rules;
    sim.run(s, decisions, j.trace, &rules);
    rules.finish(j.complete());
    j.violations = rules.violations();
    return j;
}

scenario with(std::string const& name, std::initializer_list<std::pair<char const*, char const*>> fields) {
    scenario s = repro::load_scenario(name);
    for (auto const& [key, value] : fields) repro::set_field(s, key, value);
    return s;
}

std::string text_of(policy_result const& j) {
    std::ostringstream out;
    for (auto const& v : j.violations) out << v.rule << " at #" << v.at << ": " << v.message << "\n";
    for (auto const& p : j.trace.problems) out << "incomplete: " << p << "\n";
    return out.str();
}

std::string bytes_of(traces::trace const& t) {
    std::string out;
    traces::write_header(out, t.head);
    for (auto const& e : t.events) traces::write_event(out, e);
    if (t.foot) traces::write_footer(out, *t.foot);
    return out;
}

constexpr char const* acts[] = {
    "park", "done", "forever", "throw_resume", "throw_cancel", "cleanup", "spawn", "spawn_on_cancel", "hook_park"};

} // namespace

TEST_CASE("the report's scenario disposes a scope with its handler inside, 100 times of 100") {
    for (char const* name : {"scope-disposal", "scope-disposal-on-free"})
        for (int i = 0; i < 100; ++i) {
            policy_result const j = run_policy(repro::load_scenario(name));
            INFO(name << "\n" << text_of(j));
            REQUIRE(j.rules().count("scope-disposed-nonempty"));
            REQUIRE(j.rules().count("assertion-failed"));
            REQUIRE(j.last_assertion() == "Scope should be empty before disposal");
            REQUIRE(j.trace.foot);
            REQUIRE(j.trace.foot->signal == "SIGABRT");
        }
}

TEST_CASE(
    "in the report's chain the server scope catches the failing handler, in the other chain free itself disposes") {
    auto const fails_in = [](char const* name) {
        policy_result const j = run_policy(repro::load_scenario(name));
        std::vector<std::string> chain;
        traces::seq_t at = traces::no_seq;
        for (auto const& e : j.trace.events)
            if (e.what == traces::kind::assertion) at = e.seq;
        while (at != traces::no_seq) {
            auto const& e = j.trace.events.at(at);
            chain.emplace_back(traces::name_of(e.what));
            if (e.what == traces::kind::act_free) break;
            at = e.because.empty() ? traces::no_seq : e.because[0];
        }
        std::reverse(chain.begin(), chain.end());
        return chain;
    };
    using chain = std::vector<std::string>;
    CHECK(fails_in("scope-disposal") ==
        chain{"act.free", "scope.cancel", "scope.cancel", "coroutine.cancel", "coroutine.resume", "coroutine.finish",
            "scope.catch", "scope.catch", "scope.notify", "scope.dispose", "scope.dispose", "assert"});
    CHECK(fails_in("scope-disposal-on-free") ==
        chain{"act.free", "scope.cancel", "scope.notify", "scope.dispose", "scope.dispose", "assert"});
}

TEST_CASE(
    "the holder of the owning reference decides whether the report's server aborts, not the scope of the handlers") {
    for (char const* place : {"child", "direct"}) {
        CHECK(run_policy(with("scope-disposal-on-free", {{"place", place}})).rules().count("scope-disposed-nonempty"));
        CHECK_FALSE(run_policy(with("scope-disposal-on-free", {{"place", place}, {"owner", "server"}}))
                        .rules()
                        .count("scope-disposed-nonempty"));
        CHECK_FALSE(run_policy(with("scope-disposal-on-free", {{"place", place}, {"owner", "extra"}}))
                        .rules()
                        .count("scope-disposed-nonempty"));
    }
}

TEST_CASE("the upstream fix still fails if a listener holds the owning reference") {
    policy_result const cancelled =
        run_policy(with("scope-disposal-on-free", {{"policy", "upstream-fix"}, {"grace", "20"}}));
    CHECK(cancelled.rules().count("scope-disposed-nonempty"));
    policy_result const drained = run_policy(with("scope-disposal-on-free", {{"policy", "upstream-fix"}}));
    INFO(text_of(drained));
    CHECK(
        drained.rules().count("access-after-free")); // fully drained, and the scope is freed under its own notification
}

TEST_CASE("the upstream fix with the server as owner frees while a suspending clean-up is in progress") {
    // The wait for the cancellation ends with the first finished handler.
    policy_result const j = run_policy(with("scope-disposal",
        {{"policy", "upstream-fix"}, {"owner", "server"}, {"grace", "0"}, {"requests", "3"},
            {"handlers",
                R"([{"act":"park","delay":60,"calls":["stop"]},{"act":"park","delay":120},{"act":"cleanup","delay":120}])"}}));
    INFO(text_of(j));
    CHECK(j.last_assertion() == "");
    CHECK(j.rules().count("cancelled-not-awaited"));
}

TEST_CASE("the upstream fix with the server as owner is clean if no handler outlives its cancellation") {
    policy_result const j = run_policy(with("scope-disposal", {{"policy", "upstream-fix"}, {"owner", "server"}}));
    INFO(text_of(j));
    CHECK(j.rules().empty());
}

TEST_CASE("drained is clean for every owner, every kind of handler, every mode and every stop point") {
    std::size_t executions = 0;
    for (char const* act : acts)
        for (char const* owner : {"server", "owns", "extra"})
            for (char const* attach : {"start", "stop"})
                for (char const* shape : {"child", "direct", "connection"})
                    for (char const* safe : {"false", "true"}) {
                        scenario s = with("scope-disposal",
                            {{"policy", "drained"}, {"handlers.2.act", act}, {"owner", owner}, {"listener", attach},
                                {"safe", safe}});
                        repro::set_field(s, shape == std::string("connection") ? "connection_scope" : "place",
                            shape == std::string("connection") ? "true" : shape);
                        // The grace period alternates between none, one that expires and one that suffices.
                        repro::set_field(s, "grace", executions % 3 == 0 ? "0" : executions % 3 == 1 ? "30" : "5000");
                        policy_result const j = run_policy(s);
                        ++executions;
                        INFO(act << " " << owner << " " << attach << " " << shape << " safe " << safe << " grace "
                                 << s.scoped().grace_ms << "\n"
                                 << text_of(j));
                        REQUIRE(j.complete());
                        REQUIRE(j.rules().empty());
                    }
    CHECK(executions == 9 * 3 * 2 * 3 * 2);
}

TEST_CASE("drained is clean when stop or free comes at any point of the default order") {
    for (char const* act : acts)
        for (char const* owner : {"server", "owns"})
            for (char const* grace : {"0", "5000"}) {
                scenario s = with("scope-disposal",
                    {{"policy", "drained"}, {"handlers.2.act", act}, {"owner", owner}, {"grace", grace},
                        {"safe", owner == std::string("owns") ? "true" : "false"}});
                bool stopped = false; // in the default order, before this point
                for (repro::passed_point const& p : repro::passed_stop_points(s)) {
                    stopped = stopped || p.point == "act.stop#1";
                    std::vector<std::pair<std::string, std::string>> moments{
                        {"handler", p.point}, {"handler," + p.point, "server.stopped#1"}};
                    if (!stopped) {
                        moments.push_back({p.point, "server.stopped#1"});
                        moments.push_back({"never", p.point});
                    }
                    for (auto const& [stop_at, free_at] : moments) {
                        scenario at = s;
                        at.scoped().stop_at = stop_at;
                        at.scoped().free_at = free_at;
                        policy_result const j = run_policy(at);
                        INFO(act << " " << owner << " grace " << grace << " stop at " << stop_at << " free at "
                                 << free_at << "\n"
                                 << text_of(j));
                        REQUIRE(j.complete());
                        REQUIRE(j.rules().empty());
                    }
                }
            }
}

TEST_CASE("drained is clean when handlers stop and free, and when stop comes twice") {
    auto const clean = [](scenario const& s) {
        policy_result j = run_policy(s);
        INFO(text_of(j));
        CHECK(j.complete());
        CHECK(j.rules().empty());
        return j;
    };
    char const* const stop_and_free =
        R"([{"act":"park","delay":60,"calls":["stop","free"]},{"act":"cleanup","delay":120}])";
    clean(with("scope-disposal", {{"policy", "drained"}, {"handlers", stop_and_free}, {"free", "handler"}}));
    char const* const free_only = R"([{"act":"park","delay":60,"calls":["free"]},{"act":"park","delay":120}])";
    clean(with(
        "scope-disposal", {{"policy", "drained"}, {"stop", "never"}, {"handlers", free_only}, {"free", "handler"}}));
    policy_result const twice =
        clean(with("scope-disposal", {{"policy", "drained"}, {"stop", "handler,coroutine.finish#1"}}));
    CHECK(std::count_if(twice.trace.events.begin(), twice.trace.events.end(),
              [](auto const& e) { return e.what == traces::kind::act_stop; }) == 2);
    clean(with("scope-disposal", {{"policy", "drained"}, {"stop", "server.ready#1"}}));
}

TEST_CASE("under drained an ordinary error ends only its own request, and the other requests are answered") {
    policy_result const j = run_policy(with("scope-disposal",
        {{"policy", "drained"}, {"requests", "3"},
            {"handlers",
                R"([{"act":"park","delay":60,"calls":["stop"]},{"act":"throw_resume","delay":80},{"act":"park","delay":120}])"}}));
    INFO(text_of(j));
    CHECK(j.rules().empty());
    std::vector<std::int64_t> statuses;
    for (auto const& e : j.trace.events)
        if (e.what == traces::kind::client_done) statuses.push_back(e.integer("status"));
    CHECK(statuses == std::vector<std::int64_t>{200, 500, 200});
}

TEST_CASE("drained drops coroutines that a canceled handler spawns, so the drain ends with the cancellation") {
    policy_result const j = run_policy(
        with("scope-disposal", {{"policy", "drained"}, {"grace", "10"}, {"handlers.2.act", "spawn_on_cancel"}}));
    CHECK(j.rules().empty());
    traces::nanoseconds stopped = 0, cancelled = 0;
    for (auto const& e : j.trace.events) {
        if (e.what == traces::kind::server_stopped) stopped = e.t;
        if (e.what == traces::kind::coroutine_cancel && !cancelled) cancelled = e.t;
    }
    CHECK(stopped == cancelled);
}

TEST_CASE("drained answers pipelined requests that arrived before stop") {
    policy_result const j = run_policy(with("scope-disposal",
        {{"policy", "drained"}, {"requests", "4"}, {"per_connection", "2"}, {"pipelined", "true"},
            {"together", "false"},
            {"handlers", R"([{"act":"park","delay":10,"calls":["stop"]},{"act":"park","delay":10}])"}}));
    INFO(text_of(j));
    CHECK(j.rules().empty());
    auto const answered = std::count_if(j.trace.events.begin(), j.trace.events.end(),
        [](auto const& e) { return e.what == traces::kind::client_done && e.integer("status") == 200; });
    CHECK(answered == 4);
}

TEST_CASE("drained answers a pipelined request that is unread behind a busy handler at the free") {
    policy_result const j =
        run_policy(with("scope-disposal",
                       {{"policy", "drained"}, {"requests", "4"}, {"per_connection", "2"}, {"pipelined", "true"},
                           {"together", "false"}, {"grace", "0"}, {"free", "coroutine.spawn#3"},
                           {"handlers", R"([{"act":"park","delay":10,"calls":["stop"]},{"act":"forever"}])"}}),
            repro::parse_schedule("4=2"));
    INFO(text_of(j));
    CHECK(j.complete());
    CHECK(j.rules().empty());
}

TEST_CASE("the same schedule twice gives byte-equal traces, and so does the schedule read back from the first") {
    for (char const* name : {"scope-disposal", "scope-disposal-on-free"})
        for (char const* policy : {"as-reported", "upstream-fix", "drained"})
            for (char const* order : {"default", "0=1", "1=2,3=1"}) {
                scenario const s = with(name, {{"policy", policy}});
                policy_result const first = run_policy(s, repro::parse_schedule(order));
                policy_result const second = run_policy(s, repro::parse_schedule(order));
                policy_result const replayed = run_policy(s, repro::parse_schedule(first.trace.head.schedule));
                CHECK(first.trace.head.schedule == order);
                CHECK(bytes_of(first.trace) == bytes_of(second.trace));
                CHECK(bytes_of(first.trace) == bytes_of(replayed.trace));
            }
}

TEST_CASE("the order in which clients are served does not decide the report's outcome") {
    for (char const* order : {"0=1", "0=1,1=1", "1=1,2=1,3=1", "2=2,3=1", "4=1,5=1"}) {
        policy_result const j = run_policy(repro::load_scenario("scope-disposal"), repro::parse_schedule(order));
        INFO(order << "\n" << text_of(j));
        CHECK(j.rules().count("scope-disposed-nonempty"));
    }
}

TEST_CASE("a server with a silent connected client keeps waiting, as a real loop would") {
    policy_result const j = run_policy(with("scope-disposal",
        {{"requests", "1"}, {"stop", "coroutine.suspend#3"}, {"handlers", R"([{"act":"forever"}])"},
            {"free", "never"}}));
    CHECK_FALSE(j.complete());
}

TEST_CASE("a server that is never stopped leaves an incomplete trace") {
    policy_result const j = run_policy(with("scope-disposal", {{"stop", "never"}, {"free", "never"}}));
    CHECK_FALSE(j.complete());
    CHECK(traces::verdict_of(j.violations, j.complete()) == traces::verdict::inconclusive);
}
