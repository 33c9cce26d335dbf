// Steered servers on the command line.
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

std::vector<std::string> with_server(std::vector<std::string> words, std::string const& way) {
    words.insert(words.end(), {"--slow", "/slow", "--", SMALL_SERVER, way, "{port}", "{backend}"});
    return words;
}

} // namespace

TEST_CASE("list stop-points prints the steps of a real server in their order") {
    result const r = run(with_server({"list", "stop-points", "--target"}, "epoll"));
    CHECK(r.status == 0);
    CHECK(r.out.starts_with("quiet#1              the clients connect\nprocess:1.told#1     listen+in\n"
                            "listen.accept#1\nlisten.accept#2\n"));
    CHECK_THAT(r.out, ContainsSubstring("client:1.read#1\nbackend:1.connect#1\n"));
}

TEST_CASE("run --steer stops a real server at the named step") {
    folder const here;
    result const r =
        run(with_server({"run", "--target", "--steer", "--stop-at", "client:2.read#1", "--trace", "t.jsonl"}, "epoll"),
            {.in = here.path()});
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("client:2.read#1"));
    result const timeline = run({"inspect", "t.jsonl", "--timeline"}, {.in = here.path()});
    CHECK_THAT(timeline.out, ContainsSubstring("SIGTERM is sent to process:1"));
}

TEST_CASE("run --steer says how exactly the server repeats an execution") {
    folder const here;
    result const r = run(with_server({"run", "--target", "--steer", "--repeat", "3"}, "edge"), {.in = here.path()});
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("all steps equal in 3 of 3 executions"));
}

TEST_CASE("a stop point that a server does not come to is inconclusive") {
    folder const here;
    result const r =
        run(with_server({"run", "--target", "--steer", "--stop-at", "client:7.read#1"}, "epoll"), {.in = here.path()});
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("client:7.read#1"));
}

TEST_CASE("explore --target stops a server at each step, and groups what it loses") {
    folder const here;
    result const r = run(with_server({"explore", "--target"}, "select"), {.in = here.path()});
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("closed-with-unread-request"));
    CHECK_THAT(r.out, ContainsSubstring("at process:1.told#2, the stop first"));
    CHECK_THAT(r.out, ContainsSubstring("3 of 3 times"));
    CHECK_THAT(r.out, ContainsSubstring("again     shutdown-repro run "));
}

TEST_CASE("explore --target says what was tried when no stop breaks a rule") {
    folder const here;
    result const r = run(with_server({"explore", "--target"}, "edge"), {.in = here.path()});
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("the stop at each of the 24 steps of two clients' default order"));
}

TEST_CASE("a sweep that is cut short is inconclusive, and says how many stops were tried") {
    folder const here;
    auto const cut = [](std::vector<std::string> more) {
        std::vector<std::string> words{"explore", "--target", "--executions", "5"};
        words.insert(words.end(), more.begin(), more.end());
        return with_server(words, "edge");
    };
    result const text = run(cut({}), {.in = here.path()});
    CHECK(text.status == 3);
    CHECK_THAT(text.out, ContainsSubstring("not complete: only 5 stops of 48 were tried"));
    result const document = run(cut({"--json"}), {.in = here.path()});
    CHECK(document.status == 3);
    json const report = json::parse(document.out);
    CHECK(report["probes"].size() == 6);
    CHECK(report["not_complete"] == "only 5 stops of 48 were tried");
}

TEST_CASE("explore --target --strategy orders finds what the default order does not, and repeats it by names") {
    folder const here;
    std::vector<std::string> const how{"explore", "--target", "--strategy", "orders", "--executions", "150"};
    result const r = run(with_server(how, "epoll"), {.in = here.path()});
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("backlog-reset"));
    CHECK_THAT(r.out, ContainsSubstring("3 of 3 times"));
    CHECK_THAT(r.out, ContainsSubstring("--schedule quiet#1=client:1.connects,"));
    CHECK_THAT(r.out, ContainsSubstring("not complete: only 150 orders were tried"));
    result const again = run({"replay", "findings/steered-small-server-1.jsonl"}, {.in = here.path()});
    CHECK(again.status == 1);
    CHECK_THAT(again.out, ContainsSubstring("backlog-reset"));
}

TEST_CASE("a search of orders that is cut short is inconclusive, in JSON too") {
    folder const here;
    std::vector<std::string> const how{"explore", "--target", "--strategy", "orders", "--executions", "5", "--json"};
    result const r = run(with_server(how, "edge"), {.in = here.path()});
    CHECK(r.status == 3);
    json const report = json::parse(r.out);
    CHECK(report["not_complete"] == "only 5 orders were tried");
    CHECK(report["probes"].size() == 6);
}

TEST_CASE("random orders say their number and their seed") {
    folder const here;
    std::vector<std::string> const how{
        "explore", "--target", "--strategy", "random", "--executions", "4", "--seed", "2"};
    result const r = run(with_server(how, "edge"), {.in = here.path()});
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("4 random orders with seed 2: no rule broken"));
}

TEST_CASE("auto sweeps first, and then changes the order of the clients") {
    folder const here;
    std::vector<std::string> const how{"explore", "--target", "--strategy", "auto", "--executions", "52"};
    result const r = run(with_server(how, "edge"), {.in = here.path()});
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("not complete: only 4 orders were tried"));
}

TEST_CASE("run --steer follows an order of its clients, and what is no order is refused") {
    folder const here;
    std::vector<std::string> const how{"run", "--target", "--steer", "--trace", "t.jsonl", "--schedule"};
    auto const in_order = [&](std::string const& order) {
        std::vector<std::string> words = how;
        words.push_back(order);
        return run(with_server(words, "epoll"), {.in = here.path()});
    };
    CHECK(in_order("quiet#1=client:2.connects,quiet#2=client:2.asks#1").status == 0);
    CHECK(run({"replay", "t.jsonl"}, {.in = here.path()}).status == 0);
    CHECK(in_order("quiet#1=client:2.asks#2").status == 3);
    CHECK(in_order("3=1").status == 3); // no such step
    CHECK(in_order("anything").status == 2);
    CHECK(run({"explore", "scope-disposal", "--strategy", "orders"}).status == 2);
}

TEST_CASE("replay of a steered trace starts the server again and finds the same steps") {
    folder const here;
    std::vector<std::string> const how{
        "run", "--target", "--steer", "--stop-at", "process:1.told#2", "--stop-first", "--trace", "t.jsonl"};
    CHECK(run(with_server(how, "select"), {.in = here.path()}).status == 1);
    result const r = run({"replay", "t.jsonl"}, {.in = here.path()});
    CHECK(r.status == 1);
    // What the server does when its clients are gone may come in another order.
    CHECK_THAT(
        r.out, ContainsSubstring("replayed: all ") || ContainsSubstring("replayed: the same steps on each connection"));
}

TEST_CASE("a replay of a steered trace diverges at a named step, with both sides") {
    folder const here;
    run(with_server({"run", "--target", "--steer", "--trace", "t.jsonl"}, "epoll"), {.in = here.path()});
    std::string text = here.read("t.jsonl");
    std::size_t const at = text.find("client:2.write#2");
    REQUIRE(at != std::string::npos);
    here.write("t.jsonl", text.replace(at, 16, "client:2.peek#1"));
    result const r = run({"replay", "t.jsonl"}, {.in = here.path()});
    CHECK(r.status == 6);
    CHECK_THAT(r.out, ContainsSubstring("recorded  client:2.peek#1\n  now       client:2.write#2"));
}

TEST_CASE("options that a steered server does not take are refused") {
    CHECK(run(with_server({"run", "--target", "--steer", "--probe", "idle"}, "epoll")).status == 2);
    CHECK(run(with_server({"run", "--target", "--stop-first"}, "epoll")).status == 2);
    CHECK(run(with_server({"explore", "--target", "--strategy", "pct"}, "epoll")).status == 2);
    CHECK(run({"list", "rules", "--target", "nginx"}).status == 2);
}
