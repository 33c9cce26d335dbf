#include <set>
#include "repro/input/errors.hpp"
#include "repro/steer/act_choice.hpp"
#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;
using namespace shutdown_repro::repro::steer;

namespace {

traces::trace run_in_order(std::string const& way, std::string const& order, steer_options more = {}) {
    follow_acts by_names(parse_act_order(order));
    more.chooser = &by_names;
    return run_steered(small_server(way), more);
}

// Takes the default, and keeps what it was asked.
class listener_of_choices final : public act_chooser {
public:
    std::size_t choose(act_point const& p) override {
        asked.push_back(p);
        return 0;
    }
    std::vector<act_point> asked;
};

traces::seq_t first_of(traces::trace const& t, std::string_view kind, std::string_view id) {
    auto const it = std::ranges::find_if(
        t.events, [&](traces::event const& e) { return name_of(e.what) == kind && to_string(e.id) == id; });
    REQUIRE(it != t.events.end());
    return it->seq;
}

traces::seq_t step_seq(traces::trace const& t, std::string_view step) {
    auto const it = std::ranges::find_if(t.events, [&](traces::event const& e) { return e.text("step") == step; });
    REQUIRE(it != t.events.end());
    return it->seq;
}

bool has_option(act_point const& p, std::string_view start) {
    return std::ranges::any_of(p.options, [&](std::string const& o) { return o.starts_with(start); });
}

} // namespace

TEST_CASE("an order places each act just before the step that it names") {
    traces::trace const t =
        run_in_order("epoll", "quiet#1=client:2.connects,quiet#2=client:2.asks#1,process:1.told#2=client:1.connects");
    CHECK(first_problem(t) == "");
    CHECK(broken_rules(t) == "");
    CHECK(first_of(t, "client.connect", "client:2") < step_seq(t, "process:1.told#1"));
    CHECK(first_of(t, "client.send", "client:2") > step_seq(t, "listen.accept#1"));
    CHECK(first_of(t, "client.connect", "client:1") > first_of(t, "client.send", "client:2"));
    CHECK(first_of(t, "client.connect", "client:1") < step_seq(t, "process:1.told#2"));
}

TEST_CASE("an order is followed in each way to wait, and by the process that takes the steps") {
    for (std::string const way : {"edge", "poll", "select", "oneshot", "threads", "fork"}) {
        INFO(way);
        traces::trace const t = run_in_order(way, "quiet#1=client:2.connects,quiet#2=client:2.asks#1");
        CHECK(first_problem(t) == "");
        CHECK(broken_rules(t) == "");
        CHECK(first_of(t, "client.connect", "client:1") > first_of(t, "client.done", "client:2"));
    }
}

TEST_CASE("an act that is not possible where the order has it makes the execution inconclusive") {
    traces::trace const t = run_in_order("epoll", "quiet#1=client:2.asks#2");
    CHECK(traces::judge(t).verdict == traces::verdict::inconclusive);
    CHECK(first_problem(t) == "client:2.asks#2 was not possible before quiet#1 of this execution");
    CHECK(first_problem(run_in_order("epoll", "client:2.read#9=client:2.asks#2")) != "");
}

TEST_CASE("an act is offered before waits and steps on its own connection, and not before those of others") {
    listener_of_choices asked;
    traces::trace const t = run_steered(small_server("epoll"), {.chooser = &asked});
    CHECK(first_problem(t) == "");
    bool any_wait = false;
    for (act_point const& p : asked.asked) {
        INFO(p.step);
        if (p.step.starts_with("client:1.")) CHECK_FALSE(has_option(p, "client:2."));
        if (p.step.starts_with("client:2.")) CHECK_FALSE(has_option(p, "client:1."));
        any_wait |= p.step.starts_with("process:1.told#") && has_option(p, "client:2.");
        CHECK(p.options.size() > 1);
        CHECK(has_option(p, "stop") == (p.step.starts_with("quiet#") || p.step.starts_with("process:1.told#")));
    }
    CHECK(any_wait);
}

TEST_CASE("a decision of a steered execution records all its options") {
    traces::trace const t = run_in_order("epoll", "quiet#1=client:2.connects");
    std::size_t decisions = 0;
    for (traces::event const& e : t.events) {
        if (e.what != traces::kind::decision) continue;
        ++decisions;
        std::string const options(e.text("options")), label(e.text("label"));
        CHECK(std::ranges::count(options, ';') + 1 == e.integer("of"));
        CHECK(options.find(label) != std::string::npos);
    }
    CHECK(decisions > 3);
    taken_acts const taken = acts_taken_in(t);
    REQUIRE(!taken.acts.empty());
    CHECK(taken.acts.front() == placed_act{"quiet#1", "client:2.connects"});
    CHECK(taken.stop_at == "");
}

TEST_CASE("an order that was taken is followed by its names to the same steps") {
    random_acts at_random(7);
    traces::trace const first = run_steered(small_server("poll"), {.chooser = &at_random});
    taken_acts const taken = acts_taken_in(first);
    traces::trace const again =
        run_in_order("poll", to_string(taken.acts), {.stop_at = taken.stop_at, .stop_first = taken.stop_first});
    CHECK(first_problem(again) == "");
    CHECK(all_steps_of(again) == all_steps_of(first));
}

TEST_CASE("a request that comes with its connection waits to be accepted at the stop, which no default order shows") {
    traces::trace const t = run_in_order("epoll",
        "quiet#1=client:1.connects,quiet#2=client:1.asks#1,quiet#3=client:2.connects,process:1.told#3=client:2.asks#1",
        {.stop_at = "process:1.told#3", .stop_first = true});
    CHECK(first_problem(t) == "");
    CHECK(broken_rules(t).find("backlog-reset") != std::string::npos);
}

TEST_CASE("all orders are gone through once each, and no more") {
    all_act_orders all;
    std::set<std::string> seen;
    std::size_t executions = 0;
    do {
        std::string path;
        std::size_t const first = all.choose({"a", {"x", "y", "z"}});
        path += std::to_string(first);
        if (first == 1) path += std::to_string(all.choose({"b", {"x", "y"}}));
        path += std::to_string(all.choose({"c", {"x", "y"}}));
        seen.insert(path);
        ++executions;
        CHECK(all.trouble() == "");
    } while (all.next());
    CHECK(executions == 8);
    CHECK(seen.size() == 8);
}

TEST_CASE("a server that does not come to the same choice again is noticed by the search") {
    all_act_orders all;
    all.choose({"a", {"x", "y"}});
    all.choose({"b", {"x", "y"}});
    REQUIRE(all.next());
    all.choose({"a", {"x", "y"}});
    all.choose({"c", {"x", "y"}});
    CHECK(all.trouble() == "the server did not come to b again as before");
    REQUIRE(all.next());
    CHECK(all.trouble() == "");
}

TEST_CASE("a search does not end while an execution that left its way has choices behind it") {
    all_act_orders all;
    all.choose({"a", {"x", "y"}});
    REQUIRE(all.next());
    std::size_t executions = 0;
    do {
        all.choose({executions == 0 ? "b" : "c", {"x", "y"}});
        ++executions;
    } while (all.next() && executions < 10);
    CHECK(executions == 3);
}

TEST_CASE("an order is read as it is written, and what is none is refused") {
    std::string const text = "quiet#1=client:1.connects,process:1.told#1=client:2.connects";
    CHECK(to_string(parse_act_order(text)) == text);
    for (std::string const wrong : {"client:1.connects", "=client:1.connects", "quiet#1=", "quiet#1=a,,"}) {
        INFO(wrong);
        CHECK_THROWS_AS(parse_act_order(wrong), repro::input_error);
    }
}

TEST_CASE("random orders with one seed are the same") {
    auto const drawn = [](std::uint64_t seed) {
        random_acts r(seed);
        std::vector<std::size_t> all;
        for (int i = 0; i < 50; ++i) all.push_back(r.choose({"a", {"goes-on", "b", "c", "stop"}}));
        return all;
    };
    CHECK(drawn(1) == drawn(1));
    CHECK(drawn(1) != drawn(2));
}
