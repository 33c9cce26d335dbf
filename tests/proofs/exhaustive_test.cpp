// Compares the reduction of `exhaustive` with plain enumeration: the same violations and final states from fewer
// schedules.
#include <map>
#include <set>
#include "repro/explore/explore.hpp"
#include "repro/explore/strategy.hpp"
#include "repro/sim/execute.hpp"
#include "tests/catch.hpp"
#include "traces/rules/fingerprint.hpp"

using namespace shutdown_repro;
using traces::event;
using traces::kind;

namespace {

// Returns what remains of an execution without its order.
class final_state final : public traces::sink {
public:
    void begin() {
        names_.clear();
        state_.clear();
    }
    void put(event const& e) override {
        if (e.what == kind::scope_open || e.what == kind::coroutine_spawn) {
            names_[e.id] = std::string(e.text("name")) + "@" + (e.parent ? name(e.parent) : "");
            state_[name(e.id)] = "there";
        }
        switch (e.what) {
        case kind::coroutine_finish: state_[name(e.id)] = e.text("result"); break;
        case kind::coroutine_zombie: state_[name(e.id) + " zombie"] = "yes"; break;
        case kind::coroutine_remove: state_[name(e.id)] += " removed"; break;
        case kind::scope_disposed: state_[name(e.id)] = "disposed"; break;
        case kind::request_finish:
            state_[name(e.id)] = std::string(e.text("result")) + " " + std::to_string(e.integer("status"));
            break;
        case kind::client_done:
            state_[name(e.id) + name(e.id_of("request"))] = std::to_string(e.integer("status"));
            break;
        case kind::client_fail: state_[name(e.id) + name(e.id_of("request"))] = e.text("how"); break;
        case kind::timer_fire: state_["timer " + std::string(e.text("name"))] = "fired"; break;
        case kind::assertion: state_["assertion"] = e.text("message"); break;
        case kind::scope_access: state_["access"] = std::string(e.text("operation")) + " of " + name(e.id); break;
        case kind::loop_error: state_["error"] = e.text("error"); break;
        case kind::process_exit: state_["process"] = e.find("signal") ? std::string(e.text("signal")) : "exit"; break;
        default: break;
        }
    }
    std::string text() const {
        std::string all;
        for (auto const& [who, how] : state_) all += who + ": " + how + "\n";
        return all;
    }

private:
    std::string name(traces::ref r) const {
        auto const n = names_.find(r);
        return n == names_.end() ? to_string(r) : n->second;
    }
    std::map<traces::ref, std::string> names_;
    std::map<std::string, std::string> state_;
};

struct walked {
    std::set<std::uint64_t> violations;
    std::set<std::string> states;
    std::uint64_t executions = 0;
    bool complete = false;
};

struct all_sinks final : traces::sink {
    traces::rule_run rules;
    traces::fingerprinter prints;
    final_state state;
    repro::strategy* strategy = nullptr;
    void put(event const& e) override {
        rules.put(e);
        prints.saw(e);
        state.put(e);
        strategy->saw(e);
    }
};

walked walk(repro::scenario const& s, std::string_view strategy, repro::share mine = {}) {
    constexpr std::uint64_t most = 400'000;
    repro::terrain const ground = repro::survey(s);
    auto const how = repro::find_strategy(strategy)->make(ground, 1, mine);
    repro::simulator sim;
    all_sinks to;
    to.strategy = how.get();
    walked w;
    for (std::uint64_t n = 0; n < most; ++n) {
        if (!how->begin(n)) {
            w.complete = true;
            return w;
        }
        to.rules.reset();
        to.prints.begin();
        to.state.begin();
        try {
            auto const end = sim.run(s, *how, to);
            if (!how->mine()) continue;
            to.rules.on_footer(end.foot);
            to.rules.finish(end.complete);
        } catch (repro::abandoned) { continue; }
        ++w.executions;
        w.states.insert(to.state.text());
        for (auto const& v : to.rules.violations()) w.violations.insert(to.prints.of(v));
    }
    return w;
}

// Makes stop and free decisions, unless they are named.
repro::scenario with(std::vector<std::pair<std::string, std::string>> const& fields) {
    repro::scenario s = repro::with_open_acts(repro::load_scenario("scope-disposal"));
    for (auto const& [key, value] : fields) repro::set_field(s, key, value);
    return s;
}

void expect_same(repro::scenario const& s) {
    INFO(to_json_text(s));
    walked const every = walk(s, "plain"), reduced = walk(s, "exhaustive");
    REQUIRE(every.complete);
    REQUIRE(reduced.complete);
    CHECK(reduced.executions <= every.executions);
    CHECK(reduced.violations == every.violations);
    CHECK(reduced.states == every.states);
}

} // namespace

TEST_CASE("exhaustive finds the violations and the final states that plain enumeration finds, one request of every act "
          "under every policy",
    "[proof]") {
    for (std::string_view const act : server::words<server::act>())
        for (std::string_view const policy : server::words<server::policy>())
            for (std::string_view const owner : {"server", "owns", "extra"})
                expect_same(with(
                    {{"requests", "1"}, {"handlers", R"([{"act":")" + std::string(act) + R"(","calls":["stop"]}])"},
                        {"policy", std::string(policy)}, {"owner", std::string(owner)}}));
}

TEST_CASE("exhaustive finds the violations and the final states that plain enumeration finds, two requests that wait "
          "for answers",
    "[proof]") {
    std::string const short_ones = R"([{"act":"park","steps":1,"calls":["stop"]},{"act":"cleanup","steps":1}])";
    std::string const longer_ones = R"([{"act":"throw_cancel","steps":2},{"act":"park","steps":1,"calls":["stop"]}])";
    for (std::string_view const policy : server::words<server::policy>()) {
        expect_same(with({{"handlers", short_ones}, {"policy", std::string(policy)}, {"free", "server.stopped#1"}}));
        expect_same(with({{"handlers", short_ones}, {"policy", std::string(policy)}, {"stop", "coroutine.start#3"}}));
        expect_same(with({{"handlers", longer_ones}, {"policy", std::string(policy)}, {"stop", "request.begin#2"},
            {"free", "coroutine.suspend#4"}}));
        expect_same(with({{"handlers", longer_ones}, {"policy", std::string(policy)}, {"together", "false"},
            {"stop", "handler"}, {"free", "coroutine.suspend#3"}}));
    }
}

TEST_CASE("exhaustive needs a fraction of the schedules of plain enumeration", "[proof]") {
    auto const s = with({{"stop", "request.finish#2"}, {"handlers", R"([{"act":"park","steps":3}])"},
        {"free", "server.stopped#1"}, {"policy", "drained"}});
    auto const every = walk(s, "plain"), reduced = walk(s, "exhaustive");
    CHECK(reduced.complete);
    CHECK(reduced.states == every.states);
    CHECK(reduced.executions * 2 < every.executions);
}

TEST_CASE("workers that share an exhaustive search count each schedule once", "[proof]") {
    auto const s = with({{"policy", "as-reported"}});
    auto const alone = walk(s, "exhaustive");
    walked together;
    for (std::uint32_t i = 0; i < 3; ++i) {
        auto const part = walk(s, "exhaustive", {i, 3});
        CHECK(part.complete);
        CHECK(part.executions < alone.executions);
        together.executions += part.executions;
        together.violations.insert(part.violations.begin(), part.violations.end());
        together.states.insert(part.states.begin(), part.states.end());
    }
    CHECK(together.executions == alone.executions);
    CHECK(together.violations == alone.violations);
    CHECK(together.states == alone.states);
}
