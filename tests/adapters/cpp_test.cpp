// Tests shutdown_repro.hpp in a server on plain Asio.
#include "repro/input/errors.hpp"
#include "tests/adapters/programs.hpp"

using namespace shutdown_repro;
using programs::judged_by_name;
using programs::names;
using traces::kind;

namespace {

repro::program asio_server(std::string const& variant) {
    return {.name = "asio-server", .command = {ASIO_SERVER, variant}, .files = {}, .environment = {}, .adapter = "own"};
}

} // namespace

TEST_CASE("a server that disposes its connections' scopes with a handler inside is found out, one that drains them is "
          "clean") {
    for (int i = 0; i < 3; ++i) {
        traces::trace const t = repro::run_program(asio_server("lost"), {});
        auto const lost = judged_by_name(t);
        INFO(lost.messages);
        CHECK(t.foot->exit_status == 0);
        REQUIRE(lost.errors == names{"scope-disposed-nonempty"});
        CHECK_THAT(lost.messages,
            ContainsSubstring("(connection) was disposed with") && ContainsSubstring("handler, spawned at"));
        auto const drained = judged_by_name(repro::run_program(asio_server("drained"), {}));
        INFO(drained.messages);
        REQUIRE(drained.verdict == traces::verdict::clean);
    }
}

TEST_CASE("a server is held at an event or a checkpoint and told to stop there") {
    for (char const* point : {"after-accept", "coroutine.suspend#1", "coroutine.suspend#2"}) {
        INFO(point);
        traces::trace const t =
            repro::run_program(asio_server("lost"), {.order = {}, .decisions = {}, .stop_at = point});
        auto const j = judged_by_name(t);
        INFO(j.messages);
        CHECK(t.problems.empty());
        std::vector<kind> around; // the events around the stop
        for (std::size_t i = 1; i < t.events.size(); ++i)
            if (t.events[i].what == kind::act_stop) around.push_back(t.events[i - 1].what);
        REQUIRE(!around.empty());
        CHECK(around.front() == (std::string(point) == "after-accept" ? kind::server_ready : kind::coroutine_suspend));
    }
}

TEST_CASE("a point that a server never reaches makes its execution inconclusive") {
    auto const j = judged_by_name(
        repro::run_program(asio_server("drained"), {.order = {}, .decisions = {}, .stop_at = "before-dinner"}));
    CHECK(j.verdict == traces::verdict::inconclusive);
    CHECK_THAT(j.messages, ContainsSubstring("the target never reached before-dinner"));
}

TEST_CASE("a program that gets an unknown command is inconclusive") {
    auto const j = judged_by_name(repro::run_program(
        asio_server("drained"), {.order = {}, .decisions = {}, .stop_at = {}, .free_at = "after-accept"}));
    CHECK_THAT(j.messages, ContainsSubstring("does not support the command free"));
}

TEST_CASE("a hold stops one thread: the others continue and pass all points") {
    traces::trace const t = repro::run_program(
        {.name = "threads", .command = {HEADER_PROGRAM, "threads"}, .files = {}, .environment = {}, .adapter = "own"},
        {.order = {}, .decisions = {}, .stop_at = "here"});
    INFO(judged_by_name(t).messages);
    CHECK(t.problems.empty());
    CHECK(std::ranges::count(t.events, kind::act_stop, &traces::event::what) == 1);
}

TEST_CASE("a forked child has its own connection to the controller, its own counts, and no file of its parent") {
    repro::program const forks{
        .name = "forks", .command = {HEADER_PROGRAM, "forks"}, .files = {}, .environment = {}, .adapter = "own"};
    CHECK_THAT(judged_by_name(repro::run_program(forks, {.order = {}, .decisions = {}, .stop_at = "twice#2"})).messages,
        ContainsSubstring("the target never reached twice#2"));
    CHECK(repro::run_program(forks, {}).foot->exit_status == 0);
}

TEST_CASE("no child that is forked while threads record waits for a lock of its parent") {
    for (char const* how : {"forks-in-threads", "fork-in-handler"}) {
        INFO(how);
        repro::program const forks{
            .name = how, .command = {HEADER_PROGRAM, how}, .files = {}, .environment = {}, .adapter = "own"};
        CHECK(repro::run_program(forks, {}).foot->exit_status == 0);
    }
}

TEST_CASE("a server with the header allocates no memory for events that are not recorded") {
    CHECK(programs::works(HEADER_PROGRAM " off"));
}

TEST_CASE("garbage in the trace of a target is reported with its place, and the events before it count") {
    repro::program p{.name = "garbage",
        .command = {"sh", "-c", "{folder}/run.sh"},
        .files = {},
        .environment = {},
        .adapter = "own"};
    p.command = {"sh", "{folder}/run.sh"};
    p.files = {{"run.sh", R"sh(cat > "$SHUTDOWN_REPRO_TRACE" <<'END'
{"format":"shutdown-repro/trace","version":"1.0","observes":["scopes","coroutines","server"]}
{"seq":0,"t":1,"kind":"scope.open","id":"scope:1"}
{"seq":1,"t":2,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:1"}
{"seq":2,"t":3,"kind":"scope.dispose","id":"scope:1"}
this is no event
END
)sh"}};
    auto const j = judged_by_name(repro::run_program(p, {}));
    INFO(j.messages);
    CHECK(j.verdict == traces::verdict::violated);
    CHECK(j.errors.contains("scope-disposed-nonempty"));
    CHECK_THAT(
        j.messages, ContainsSubstring("the trace of the target can't be read") && ContainsSubstring("target.jsonl:5"));
}
