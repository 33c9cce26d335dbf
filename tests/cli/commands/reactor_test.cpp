// Tests run and list with the reactor's scenarios: orders, policies, stop points, and all orders.
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using json = nlohmann::json;

namespace {

result simulated(std::string const& scenario, std::vector<std::string> more = {}, std::string const& in = {}) {
    more.insert(more.begin(), {"run", scenario, "--world", "sim"});
    folder const elsewhere;
    return run(more, {.in = in.empty() ? elsewhere.path() : in});
}

} // namespace

TEST_CASE("with client-first the finish is lost every time, with server-first never") {
    for (int i = 0; i < 3; ++i) {
        result const client = simulated("lost-finish", {"--order", "client-first"}),
                     server = simulated("lost-finish", {"--order", "server-first"});
        INFO(client.out << client.err << server.out << server.err);
        CHECK(client.status == 1);
        CHECK_THAT(client.out, ContainsSubstring("and so: ") && ContainsSubstring("finish-event-lost"));
        CHECK_THAT(server.out, !ContainsSubstring("finish-event-lost"));
    }
}

TEST_CASE("the report of a reactor scenario ends with a command that runs the correct policy") {
    folder const here;
    result const r = simulated("lost-finish", {"--order", "client-first", "--connections", "2"}, here.path());
    INFO(r.out << r.err);
    CHECK(lines(r.out)[0] == "lost-finish · reactor server, as-reported · sim · 2 requests");
    std::string const fixed =
        "shutdown-repro run lost-finish --world sim --policy drained --order client-first --connections 2";
    CHECK_THAT(r.out, ContainsSubstring("fixed?    " + fixed + "\n"));
    result const drained = run_line(fixed, here.path());
    INFO(drained.out << drained.err);
    CHECK(drained.status == 0);
}

TEST_CASE("the options for requests, stop and grace set the fields of the reactor") {
    json const r = json::parse(simulated("lost-finish", {"--requests", "3", "--json"}).out);
    CHECK(r["requests"] == 3);
    folder const here;
    simulated("lost-timer", {"--policy", "drained", "--grace", "100", "--stop-at", "handler", "--trace", "t.jsonl"},
        here.path());
    json const head = json::parse(lines(here.read("t.jsonl"))[0]);
    CHECK(head["scenario"]["grace"] == 100);
    CHECK(head["scenario"]["when"] == "handler");
    CHECK_THAT(here.read("t.jsonl"), ContainsSubstring("grace is over"));
}

TEST_CASE("the error for a value of the other server lists the valid names") {
    struct {
        std::vector<std::string> more, says;
    } const cases[] = {
        {{"--policy", "upstream-fix"}, {"--policy", "guard-self", "no-destroy", "drained"}},
        {{"--policy", "drainde"}, {"--policy", "drained"}},
        {{"--order", "client"}, {"--order", "client-first"}},
        {{"--stop-at", "coroutine.suspend#2"}, {"--stop-at", "cb1", "handler"}},
        {{"--free-at", "never"}, {"--free-at", "scoped"}},
        {{"--all-orders", "--schedule", "2=1"}, {"--all-orders", "leave --schedule out"}},
        {{"--all-orders", "--repeat", "2"}, {"--all-orders", "leave --repeat out"}},
        {{"--all-orders", "--connections", "8"}, {"--all-orders", "more than", "--requests"}},
    };
    for (auto const& c : cases) {
        result const r = simulated("lost-finish", c.more);
        INFO(r.out << r.err);
        CHECK(r.status == 2);
        for (std::string const& part : c.says) CHECK_THAT(r.err, ContainsSubstring(part));
    }
    result const scoped = simulated("scope-disposal", {"--policy", "guard-self"});
    CHECK(scoped.status == 2);
    CHECK_THAT(scoped.err, ContainsSubstring("upstream-fix"));
    CHECK(simulated("scope-disposal", {"--order", "client-first"}).status == 2);
    CHECK_THAT(run({"run", "lost-finish", "--all-orders"}).err, ContainsSubstring("add --world sim"));
}

TEST_CASE("every order has a line of its own, and only the third decision matters") {
    folder const here;
    result const r = simulated("lost-finish", {"--all-orders"}, here.path());
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    int lost = 0, orders = 0;
    for (std::string const& line : lines(r.out)) {
        bool const one = line.find("=1") != line.npos || line.find("  default  ") != line.npos ||
            line.find(" default ") != line.npos;
        if (!one || !(line.starts_with("✗") || line.starts_with("✓") || line.starts_with("!"))) continue;
        ++orders;
        bool const third = line.find("2=1") != line.npos, loses = line.starts_with("✗");
        CHECK(loses == !third);
        lost += loses;
    }
    CHECK(orders == 8);
    CHECK(lost == 4);
    CHECK_THAT(r.out, ContainsSubstring("finish-event-lost"));
    json const j = json::parse(simulated("lost-finish", {"--all-orders", "--json"}, here.path()).out);
    CHECK(j["orders"].size() == 8);
    CHECK(j["orders"][0]["schedule"] == "default");
    CHECK(simulated("lost-finish", {"--all-orders", "--policy", "drained"}, here.path()).status == 0);
}

TEST_CASE("the stop points of the reactor are listed and can be used") {
    int moments = 0;
    for (std::string const& line : lines(run({"list", "stop-points", "lost-finish"}).out))
        if (!line.starts_with(" ")) {
            ++moments;
            CHECK(simulated("lost-finish", {"--stop-at", line.substr(0, line.find(' '))}).status <= 1);
        }
    CHECK(moments >= 5);
}
