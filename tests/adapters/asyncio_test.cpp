// The adapter in real asyncio programs: plain asyncio, aiohttp and uvicorn, each with a task that its shutdown does not
// await, and with the same task awaited.
#include "tests/adapters/programs.hpp"

using namespace shutdown_repro;
using programs::judged_by_name;
using programs::names;
using programs::skipped;
using traces::kind;

namespace {

std::string const python = "/usr/bin/python3"; // the interpreter of Debian, for which the packages are installed

repro::program script(std::string const& text, std::vector<std::string> arguments = {}) {
    repro::program p{.name = "script",
        .command = {python, "{folder}/script.py"},
        .files = {{"script.py", text}},
        .environment = {},
        .adapter = "asyncio"};
    p.command.insert(p.command.end(), arguments.begin(), arguments.end());
    return p;
}

std::string text_of_stderr(traces::trace const& t) {
    std::string all;
    for (traces::event const& e : t.events)
        if (e.what == kind::process_stderr) all += std::string(e.text("text")) + "\n";
    return all;
}

// The variant that loses a task has one violation, which names the task and the line that created it. The other variant
// is clean.
void expect_lost_task(std::string const& file, std::string const& rule, std::string const& task,
    std::vector<std::string> const& more = {}) {
    auto const run = [&, text = programs::text_of(file)](std::string const& what) {
        std::vector<std::string> arguments{what};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return repro::run_program(script(text, arguments), {});
    };
    for (int i = 0; i < 3; ++i) {
        traces::trace const lost = run("lost");
        auto const j = judged_by_name(lost);
        INFO(j.messages << text_of_stderr(lost));
        CHECK(lost.foot->exit_status == 0);
        REQUIRE(j.errors == names{rule});
        CHECK_THAT(j.messages, ContainsSubstring(task + " (script.py:"));

        traces::trace const awaited = run("awaited");
        auto const clean = judged_by_name(awaited);
        INFO(clean.messages << text_of_stderr(awaited));
        CHECK(awaited.foot->exit_status == 0);
        CHECK(clean.verdict == traces::verdict::clean);
    }
}

bool no_python() { return skipped(python + " -c 'import asyncio'", "python3"); }

} // namespace

TEST_CASE("a task that a plain asyncio server forgets is lost, with its name and where it was created") {
    if (!no_python()) expect_lost_task("plain_server.py", "coroutine-lost", "write-behind");
}

TEST_CASE("a task that a program cancels, and awaits after the end of its server, is awaited") {
    if (no_python()) return;
    std::string const begin = "import asyncio, contextlib, os, signal\n"
                              "async def work():\n"
                              "  try: await asyncio.Event().wait()\n"
                              "  finally: await asyncio.sleep(0.05)\n"
                              "async def main():\n"
                              "  stop = asyncio.Event()\n"
                              "  asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)\n"
                              "  worker = asyncio.create_task(work(), name='worker')\n";
    std::string const stop = "  os.kill(os.getpid(), signal.SIGTERM)\n"
                             "  await stop.wait()\n"
                             "  worker.cancel()\n";
    std::string const end = "  with contextlib.suppress(asyncio.CancelledError): await worker\n"
                            "asyncio.run(main())\n";
    std::string server, closes;
    SECTION("of asyncio itself") {
        server = "  server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)\n";
        closes = "  server.close()\n  await server.wait_closed()\n";
    }
    SECTION("of aiohttp") {
        if (skipped(python + " -c 'import aiohttp'", "python3-aiohttp")) return;
        server = "  from aiohttp import web\n"
                 "  runner = web.AppRunner(web.Application())\n"
                 "  await runner.setup()\n"
                 "  await web.TCPSite(runner, '127.0.0.1', 0).start()\n";
        closes = "  await runner.cleanup()\n";
    }
    auto const j = judged_by_name(repro::run_program(script(begin + server + stop + closes + end), {}));
    INFO(j.messages);
    CHECK(j.errors == names{});
    CHECK(j.verdict == traces::verdict::clean);
}

TEST_CASE("a task that an aiohttp application cancels and does not await is reported with its name and its origin") {
    if (!skipped(python + " -c 'import aiohttp'", "python3-aiohttp"))
        expect_lost_task("aiohttp_server.py", "cancelled-not-awaited", "refresh-cache");
}

TEST_CASE("a task whose cleanup a uvicorn application does not await is reported with its name and its origin") {
    if (!skipped(python + " -c 'import uvicorn'", "uvicorn"))
        expect_lost_task("uvicorn_server.py", "cancelled-not-awaited", "worker", {"asyncio"});
}

TEST_CASE("a task is recorded in the same way on a loop that is not written in Python") {
    if (!skipped(python + " -c 'import uvicorn, uvloop'", "uvicorn and python3-uvloop"))
        expect_lost_task("uvicorn_server.py", "cancelled-not-awaited", "worker", {"uvloop"});
}

TEST_CASE(
    "a program's timer that asyncio's loop ends before is lost, one that was cancelled and one of a sleep are not") {
    if (no_python()) return;
    std::string const begin = "import asyncio\nasync def main():\n  timer = asyncio.get_running_loop().call_later(60, "
                              "print)\n  await asyncio.sleep(0)\n";
    std::string const end = "asyncio.run(main())\n";
    auto const lost = judged_by_name(repro::run_program(script(begin + end), {}));
    INFO(lost.messages);
    CHECK(lost.errors == names{"timer-lost"});
    CHECK_THAT(lost.messages, ContainsSubstring("script.py:3"));
    CHECK(judged_by_name(repro::run_program(script(begin + "  timer.cancel()\n" + end), {})).errors == names{});
}

TEST_CASE("a task whose frame is destroyed while it waits is reported as lost there") {
    if (no_python()) return;
    auto const j = judged_by_name(repro::run_program(script("import asyncio, gc\n"
                                                            "async def wait(): await asyncio.Future()\n"
                                                            "async def main():\n"
                                                            "  asyncio.create_task(wait(), name='forgotten')\n"
                                                            "  await asyncio.sleep(0)\n"
                                                            "  gc.collect()\n"
                                                            "asyncio.run(main())\n"),
        {}));
    INFO(j.messages);
    CHECK(j.errors == names{"coroutine-lost"});
    CHECK_THAT(j.messages, ContainsSubstring("forgotten (script.py:4)) was finished while it was suspended"));
}

TEST_CASE("an uncaught error is an event of its loop, and the reaction of the program does not change") {
    if (no_python()) return;
    traces::trace const t = repro::run_program(script("import asyncio, sys\n"
                                                      "async def fail(): raise ValueError('no')\n"
                                                      "async def main():\n"
                                                      "  asyncio.get_running_loop().set_exception_handler(lambda l, c: "
                                                      "print('handled', c['exception'], file=sys.stderr))\n"
                                                      "  task = asyncio.create_task(fail())\n"
                                                      "  await asyncio.wait([task])\n"
                                                      "asyncio.run(main())\n"),
        {});
    bool told = false;
    for (traces::event const& e : t.events)
        if (e.what == kind::loop_error) told = e.text("error") == "Task exception was never retrieved: ValueError: no";
    CHECK(told);
    CHECK_THAT(text_of_stderr(t), ContainsSubstring("handled no"));
}

TEST_CASE("the order of two sockets that are ready in one poll is chosen, and each order is run") {
    if (no_python()) return;
    auto const p = script("import asyncio, socket, sys\n"
                          "loop = asyncio.new_event_loop()\n"
                          "left = []\n"
                          "for name in 'ab':\n"
                          "  ours, theirs = socket.socketpair()\n"
                          "  theirs.send(b'x')\n"
                          "  left.append(theirs)\n"
                          "  def read(ours=ours, name=name):\n"
                          "    print(name, file=sys.stderr)\n"
                          "    loop.remove_reader(ours)\n"
                          "    left.pop()\n"
                          "    left or loop.stop()\n"
                          "  loop.add_reader(ours, read)\n"
                          "keep = list(left)\n"
                          "loop.run_forever()\n");
    std::vector<std::string> orders;
    bool const all = repro::run_each_order(p, 10, [&](repro::schedule const& taken, traces::trace const& t) {
        orders.push_back(repro::to_string(taken) + ": " + text_of_stderr(t));
        return true;
    });
    CHECK(all);
    CHECK(orders == std::vector<std::string>{"default: a\nb\n", "0=1: b\na\n"});
    CHECK(text_of_stderr(repro::run_program(p, {.order = "server-first"})) == "b\na\n");
}

TEST_CASE("an asyncio program that never stops by itself is held at an event and told to stop there") {
    if (no_python()) return;
    std::string text = programs::text_of("plain_server.py");
    std::string const by_itself = "    os.kill(os.getpid(), signal.SIGTERM)\n";
    REQUIRE(text.find(by_itself) != text.npos);
    text.erase(text.find(by_itself), by_itself.size());
    traces::trace const t =
        repro::run_program(script(text, {"awaited"}), {.order = {}, .decisions = {}, .stop_at = "coroutine.spawn#3"});
    INFO(judged_by_name(t).messages);
    CHECK(t.problems.empty());
    CHECK(t.foot->exit_status == 0);
    CHECK(std::ranges::count(t.events, kind::act_stop, &traces::event::what) == 1);
}

TEST_CASE("an event of a garbage collection during another event is recorded after it") {
    if (no_python()) return;
    traces::trace const t = repro::run_program(script("import asyncio, gc, types\n"
                                                      "import shutdown_repro_probe as probe\n"
                                                      "class Garbage:\n"
                                                      "  def __init__(self): self.itself = self\n"
                                                      "  def __del__(self): probe.event('timer.cancel', 'timer:77')\n"
                                                      "def clock(real=probe.time.monotonic_ns):\n"
                                                      "  gc.collect()\n"
                                                      "  return real()\n"
                                                      "asyncio.run(asyncio.sleep(0))\n"
                                                      "gc.disable()\n"
                                                      "Garbage()\n"
                                                      "probe.time = types.SimpleNamespace(monotonic_ns=clock)\n"
                                                      "probe.event('timer.arm', 'timer:77')\n"),
        {});
    INFO(judged_by_name(t).messages);
    CHECK(t.problems.empty());
    std::vector<kind> of_the_timer;
    for (traces::event const& e : t.events)
        if (e.id == traces::ref{traces::entity::timer, 77}) of_the_timer.push_back(e.what);
    CHECK(of_the_timer == std::vector{kind::timer_arm, kind::timer_cancel});
}

TEST_CASE("a chosen order includes pipes, and leaves no descriptor open") {
    if (no_python()) return;
    traces::trace const t = repro::run_program(
        script("import asyncio, os, sys\n"
               "count = lambda: len(os.listdir('/proc/self/fd'))\n"
               "async def main():\n"
               "  ends = os.pipe()\n"
               "  before, seen = count(), asyncio.Queue()\n"
               "  asyncio.get_running_loop().add_reader(ends[0], lambda: seen.put_nowait(os.read(ends[0], 1)))\n"
               "  for _ in range(8):\n"
               "    os.write(ends[1], b'x')\n"
               "    await seen.get()\n"
               "  print('more:', count() - before, file=sys.stderr)\n"
               "asyncio.run(main())\n"),
        {.order = "client-first"});
    CHECK_THAT(text_of_stderr(t), ContainsSubstring("more: 0"));
}

TEST_CASE("no child that is forked while threads of a Python program record waits for a lock of its parent") {
    if (no_python()) return;
    traces::trace const t = repro::run_program(script(R"py(
import os, signal, threading
from shutdown_repro_probe import event, fresh

over = threading.Event()

def record():
    while not over.is_set():
        event("loop.start", fresh("loop"))

threads = [threading.Thread(target=record) for _ in range(2)]
for t in threads:
    t.start()
hung = False
for _ in range(100):
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        event("loop.start", fresh("loop"))
        os._exit(0)
    hung = hung or os.waitpid(child, 0)[1] != 0
    if hung:
        break
over.set()
for t in threads:
    t.join()
os._exit(1 if hung else 0)
)py"),
        {});
    INFO(text_of_stderr(t));
    CHECK(t.foot->exit_status == 0);
}

TEST_CASE("each process of a program records its own trace, and their entities get different ids") {
    if (no_python()) return;
    auto const j = repro::run_program(script("import asyncio, os\n"
                                             "async def main(): await asyncio.sleep(0)\n"
                                             "asyncio.run(main())\n"
                                             "if (child := os.fork()) == 0:\n"
                                             "  asyncio.run(main())\n"
                                             "  os._exit(0)\n"
                                             "os.waitpid(child, 0)\n"),
        {});
    std::set<traces::ref> loops;
    for (traces::event const& e : j.events)
        if (e.what == kind::loop_start) loops.insert(e.id);
    CHECK(loops.size() == 2);
    CHECK(judged_by_name(j).verdict == traces::verdict::clean);
}

TEST_CASE("an existing sitecustomize is still run, and without a trace file nothing else is") {
    if (no_python()) return;
    repro::program p =
        script("import asyncio, sys\nprint(sys.before, file=sys.stderr)\nasyncio.run(asyncio.sleep(0))\n");
    p.files.emplace_back("sitecustomize.py", "import sys\nsys.before = 'was run'\n");
    p.command = {"sh", "-c", "PYTHONPATH=$PYTHONPATH:{folder} exec " + python + " {folder}/script.py"};
    traces::trace const t = repro::run_program(p, {});
    CHECK_THAT(text_of_stderr(t), ContainsSubstring("was run"));
    CHECK(judged_by_name(t).verdict == traces::verdict::clean);
    CHECK(programs::works(std::string("env -u SHUTDOWN_REPRO_TRACE PYTHONPATH=") + SOURCE_DIR +
        "/repro/adapters/python " + python +
        " -B -c 'import sys; sys.exit(any(m.startswith(\"shutdown_repro\") for m in sys.modules))'"));
}
