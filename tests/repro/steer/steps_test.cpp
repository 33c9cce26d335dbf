#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;
using repro::steer::run_steered;

namespace {

// Of a server with one thread that waits for ready descriptors.
std::vector<std::string> const in_one_loop{"quiet#1", "process:1.told#1", "listen.accept#1", "listen.accept#2",
    "quiet#2", "process:1.told#2", "client:1.read#1", "backend:1.connect#1", "backend:1.write#1", "client:2.read#1",
    "client:2.write#1", "quiet#3", "process:1.told#3", "client:2.read#2", "client:2.write#2", "quiet#4",
    "process:1.told#4", "backend:1.read#1", "backend:1.eof#1", "client:1.write#1", "backend:1.close#1",
    "process:1.told#5", "client:1.eof#1", "client:1.close#1"};

std::vector<std::string> with_process(std::vector<std::string> names, std::string const& process) {
    for (std::string& name : names)
        if (name.starts_with("process:1")) name.replace(0, 9, process);
    return names;
}

} // namespace

TEST_CASE("a server has the same steps in whichever way it waits") {
    for (std::string const way : {"epoll", "edge", "oneshot", "poll", "select"}) {
        INFO(way);
        traces::trace const t = run_steered(small_server(way), {});
        CHECK(first_problem(t) == "");
        CHECK(broken_rules(t) == "");
        CHECK(steps_of(t) == in_one_loop);
    }
}

TEST_CASE("the steps of a worker are named after the worker") {
    traces::trace const t = run_steered(small_server("fork"), {});
    CHECK(first_problem(t) == "");
    CHECK(broken_rules(t) == "");
    CHECK(steps_of(t) == with_process(in_one_loop, "process:2"));
}

TEST_CASE("a server with a thread for each connection is steered through its blocking calls") {
    traces::trace const t = run_steered(small_server("threads"), {});
    CHECK(first_problem(t) == "");
    CHECK(broken_rules(t) == "");
    CHECK(steps_of(t) ==
        std::vector<std::string>{"quiet#1", "listen.accept#1", "listen.accept#2", "quiet#2", "client:1.read#1",
            "backend:1.connect#1", "backend:1.write#1", "client:2.read#1", "client:2.write#1", "quiet#3",
            "client:2.read#2", "client:2.write#2", "quiet#4", "backend:1.read#1", "backend:1.read#2",
            "backend:1.close#1", "client:1.write#1", "client:1.eof#1", "client:1.close#1"});
}

// With several processes the steps after the stop may come in another order, but not those of one connection.
TEST_CASE("each execution in the default order has the same steps, after the stop too") {
    for (std::string const way : {"edge", "threads"}) {
        INFO(way);
        std::vector<std::string> const first = all_steps_of(run_steered(small_server(way), {}));
        for (int i = 0; i < 10; ++i) CHECK(all_steps_of(run_steered(small_server(way), {})) == first);
    }
}

TEST_CASE("a read that finds nothing has a name of its own and is no stop point") {
    traces::trace const t = run_steered(small_server("edge"), {});
    CHECK(std::ranges::count(all_steps_of(t), "client:1.read-again#1") == 1);
    CHECK(std::ranges::count(steps_of(t), "client:1.read-again#1") == 0);
}

TEST_CASE("a step on a connection is an event of that connection, by the process that takes it") {
    traces::trace const t = run_steered(small_server("epoll"), {});
    auto const step = [&](std::string_view name) {
        auto const it = std::ranges::find_if(t.events, [&](traces::event const& e) { return e.text("step") == name; });
        REQUIRE(it != t.events.end());
        return *it;
    };
    traces::event const accepts = step("listen.accept#1"), reads = step("client:1.read#1");
    CHECK(accepts.what == traces::kind::connection_open);
    CHECK(reads.what == traces::kind::connection_read);
    CHECK(reads.id == accepts.id);
    CHECK(to_string(reads.by) == "process:1");
    CHECK(reads.text("peer") == "client:1");
    CHECK(reads.integer("bytes") > 0);
    auto const sends = std::ranges::find_if(t.events,
        [](traces::event const& e) { return e.what == traces::kind::client_send && to_string(e.id) == "client:1"; });
    REQUIRE(sends != t.events.end());
    CHECK(reads.id_of("request") == sends->id_of("request"));
    CHECK(step("client:1.write#1").id_of("request") == sends->id_of("request"));
    CHECK(!step("backend:1.read#1").find("request"));
    CHECK(step("client:1.write#1").what == traces::kind::connection_write);
    CHECK(step("backend:1.close#1").what == traces::kind::connection_close);
    CHECK(step("process:1.told#2").text("detail") == "client:1+in client:2+in");
}
