// Tests inspect's filters, trees, statistics, exports and watching, and diff.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <thread>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using json = nlohmann::json;

namespace {

std::string const golden = TEST_DATA "/scope-disposal.jsonl";

std::string page(std::vector<std::string> typed, how h = {}) {
    result const r = run(std::move(typed), std::move(h));
    INFO(r.err);
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    return r.out;
}

std::set<std::string> numbers(std::string const& text) {
    std::set<std::string> all;
    std::regex const row("^(?:✗|›| ) *-?[0-9]+\\.[0-9]{3} +(#[0-9]+)  ");
    for (std::string const& line : lines(text))
        if (std::smatch m; std::regex_search(line, m, row)) all.insert(m[1]);
    return all;
}

void complains(std::vector<std::string> typed, int status, std::string const& says) {
    result const r = run(std::move(typed));
    INFO(r.out << r.err);
    CHECK(r.status == status);
    REQUIRE(lines(r.err).size() == 1);
    CHECK_THAT(r.err, ContainsSubstring(says));
}

std::string const header = R"({"format":"shutdown-repro/trace","version":"1.0"})"
                           "\n";
std::string event(int seq, std::string const& rest) {
    return R"({"seq":)" + std::to_string(seq) + R"(,"t":)" + std::to_string(seq * 1'000'000) + "," + rest + "}\n";
}
std::string footer(int events) { return R"({"footer":true,"events":)" + std::to_string(events) + "}\n"; }

void append(std::string const& path, std::string const& text) { std::ofstream(path, std::ios::app) << text; }

// Checks whether the program has read the whole file, instead of sleeping.
void until_read(program const& p, std::string const& path) {
    namespace fs = std::filesystem;
    auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::string const of_process = "/proc/" + std::to_string(p.id());
    while (std::chrono::steady_clock::now() < give_up && p.runs()) {
        std::error_code gone;
        for (fs::directory_entry const& fd : fs::directory_iterator(of_process + "/fd", gone)) {
            if (fs::read_symlink(fd.path(), gone) != fs::canonical(path, gone)) continue;
            std::string const info = slurp(of_process + "/fdinfo/" + fd.path().filename().string());
            if (info.starts_with("pos:") && std::stoull(info.substr(4)) == fs::file_size(path, gone)) return;
        }
        std::this_thread::yield();
    }
    ::kill(p.id(), SIGKILL);
    FAIL("it has not read " << path);
}

} // namespace

TEST_CASE("a filter keeps the matching rows, and the lanes of their actors") {
    std::string const all = page({"inspect", golden}),
                      some = page({"inspect", golden, "--filter", "scope.dispose or by control:1"});
    INFO(some);
    auto const rows = numbers(some);
    REQUIRE(rows.size() > 2);
    CHECK(rows.size() < numbers(all).size());
    for (std::string const& line : lines(some)) {
        if (numbers(line + "\n").empty()) continue;
        CHECK((line.find("the disposal of") != line.npos || line.find("○") != line.npos ||
            line.find("control:1") != line.npos));
    }
    CHECK(some.find("C client") == some.npos);
    CHECK(page({"inspect", golden, "--filter", "scope.* or not scope.*"}) == all);
}

TEST_CASE("a filter also applies to followed, counted and exported events") {
    CHECK(numbers(page({"inspect", golden, "--follow", "coroutine:4", "--filter", "coroutine.*"})).size() <
        numbers(page({"inspect", golden, "--follow", "coroutine:4"})).size());
    CHECK_THAT(page({"inspect", golden, "--stats", "--filter", "scope.dispose"}), ContainsSubstring(" of 1 kind in "));
    std::size_t marks = 0;
    json const exported = json::parse(page({"inspect", golden, "--export", "chrome", "--filter", "scope.dispose"}));
    for (json const& e : exported.at("traceEvents"))
        if (e.at("ph") == "i") {
            CHECK(e.at("name") == "scope.dispose");
            ++marks;
        }
    CHECK(marks == numbers(page({"inspect", golden, "--filter", "scope.dispose"})).size());
}

TEST_CASE("an error in a filter names its column, and a filter that matches nothing is not a success") {
    complains(
        {"inspect", golden, "--filter", "scope.* and and"}, 2, "--filter: column 13: expected a kind such as scope.*");
    complains({"inspect", golden, "--filter", "quantum.*"}, 4, "--filter: no event of the trace matches");
    complains(
        {"inspect", golden, "--filter", "quantum.*", "--export", "otlp"}, 4, "--filter: no event of the trace matches");
}

TEST_CASE("options that can't be combined are refused") {
    complains({"inspect", golden, "--at", "5"}, 2, "--at needs --tree");
    complains({"inspect", golden, "--output", "x"}, 2, "--output needs --export");
    complains({"inspect", golden, "--export", "dot", "--tree"}, 2, "--export can't be combined with views");
    complains({"inspect", golden, "--watch", "--stats"}, 2, "--watch prints rows only");
    complains({"inspect", golden, "--tree", "--at", "99999"}, 2, "--at: the trace has no event 99999");
    complains({"inspect", golden, "--export", "svg"}, 2, "--export");
    complains({"inspect", golden, "--export", "dot", "--output", "/no/such/folder/x"}, 2,
        "--output: can't write /no/such/folder/x: No such file");
    complains({"inspect", golden, "--export", "dot", "--output", "/dev/full"}, 2, "--output: can't write /dev/full");
}

TEST_CASE("the bug report of a trace names a command that reproduces the defect when a shell runs it") {
    folder const here;
    auto const command_in = [](std::string const& report) {
        std::size_t const begin = report.find("```sh\n") + 6;
        REQUIRE(begin > 6);
        return report.substr(begin, report.find("\n```", begin) - begin);
    };
    std::string const recorded = page({"inspect", golden, "--markdown"});
    CHECK_THAT(recorded, ContainsSubstring("# `scope-disposal`: `scope-disposed-nonempty` when it is stopped\n"));
    CHECK_THAT(recorded, ContainsSubstring("```mermaid\nsequenceDiagram\n"));
    CHECK_THAT(recorded, ContainsSubstring("world: sim"));
    result const again = run_line(command_in(recorded), here.path());
    CHECK(again.status == 1);
    CHECK_THAT(again.out, ContainsSubstring("scope-disposed-nonempty"));

    REQUIRE(run({"explore", "lost-finish", "--executions", "60", "--keep", "k"}, {.in = here.path()}).status == 1);
    std::string const found = page({"inspect", "k/1.jsonl", "--markdown"}, {.in = here.path()});
    CHECK_THAT(found, ContainsSubstring("The same execution passes `when decision "));
    CHECK(run_line(command_in(found), here.path()).status == 1);
}

TEST_CASE("the bug report of a real server repeats its command, and its name alone makes no preset of it") {
    folder const here;
    auto const reported = [&](std::string const& target) {
        std::string const text = R"({"format":"shutdown-repro/trace","version":"1.0","world":"live","target":)" +
            target + R"(,"observes":["clients","process"]})" + "\n" +
            event(0, R"("kind":"process.start","id":"process:1")") + event(1, R"("kind":"act.stop","id":"server:1")") +
            event(2, R"("kind":"process.exit","id":"process:1","detail":{"signal":"SIGSEGV"})") +
            R"({"footer":true,"events":3,"outcome":{"signal":"SIGSEGV"}})" + "\n";
        here.write("t.jsonl", text);
        return page({"inspect", "t.jsonl", "--markdown"}, {.in = here.path()});
    };
    CHECK_THAT(reported(R"({"name":"shop","command":["./my shop","{port}"],"probe":"idle","stop":"SIGINT"})"),
        ContainsSubstring("```sh\nshutdown-repro run --probe idle --signal SIGINT -- './my shop' '{port}'\n```\n"));
    std::string const nginx = reported(R"({"name":"nginx","command":["true"],"probe":"idle"})");
    CHECK_THAT(nginx, ContainsSubstring("shutdown-repro run --probe idle -- true\n")); // not the command of the preset
    // An earlier version did not record the slow path, without which the command would be refused.
    CHECK_THAT(reported(R"({"name":"shop","command":["shop"],"probe":"in-flight","stop":"SIGINT"})"),
        !ContainsSubstring("shutdown-repro run"));
}

TEST_CASE("a trace without violations has no bug report, and a bug report is no view among others") {
    folder const here;
    REQUIRE(run({"run", "scope-disposal", "--policy", "drained", "--world", "sim", "--trace", "clean.jsonl"},
                {.in = here.path()})
                .status == 0);
    result const clean = run({"inspect", "clean.jsonl", "--markdown"}, {.in = here.path()});
    CHECK(clean.status == 4);
    CHECK(clean.out.empty());
    CHECK_THAT(clean.err, ContainsSubstring("--markdown: clean.jsonl breaks no rule"));
    for (std::vector<std::string> const& more :
        {std::vector<std::string>{"--tree"}, {"--stats"}, {"--follow", "scope:1"}, {"--watch"}, {"--export", "dot"},
            {"--html", "x.html"}, {"--filter", "scope.*"}}) {
        std::vector<std::string> typed{"inspect", golden, "--markdown"};
        typed.insert(typed.end(), more.begin(), more.end());
        complains(typed, 2, "--markdown can't be combined with other views");
    }
}

TEST_CASE("the tree is drawn at any event") {
    std::string const early = page({"inspect", golden, "--tree", "--at", "30"}),
                      end = page({"inspect", golden, "--tree"});
    CHECK_THAT(early, ContainsSubstring("at #30, "));
    CHECK_THAT(early, ContainsSubstring("server:1 scoped · accepts\n"));
    CHECK(early.find("disposed") == early.npos);
    CHECK(end.find("disposed") != end.npos);
    CHECK(lines(early).size() < lines(end).size());
}

TEST_CASE("the statistics of a trace agree with its rows") {
    std::string const text = page({"inspect", golden, "--stats"});
    INFO(text);
    for (std::string const kind : {"coroutine.spawn", "scope.open", "decision"}) {
        std::size_t const rows = numbers(page({"inspect", golden, "--filter", kind})).size();
        CHECK(std::regex_search(text, std::regex(" " + kind + " +" + std::to_string(rows) + " ")));
    }
    CHECK_THAT(
        text, ContainsSubstring("coroutines") && ContainsSubstring("never ended: coroutine:2 (listener), coroutine:4"));
    CHECK(std::regex_search(text, std::regex("waited +[0-9]+ ms  coroutine:[0-9]+ \\(main\\) on stop from #[0-9]+")));
}

TEST_CASE("a trace from a pipe is drawn like one from a file") {
    CHECK(page({"inspect", "-"}, {.input = slurp(golden)}) == page({"inspect", golden}));
    CHECK(page({"inspect", "-", "--tree", "--follow", "coroutine:4"}, {.input = slurp(golden)}) ==
        page({"inspect", golden, "--tree", "--follow", "coroutine:4"}));
}

TEST_CASE("an export goes to the file that is named") {
    folder const here;
    for (std::string const format : {"chrome", "otlp", "dot", "shiviz"}) {
        result const r = run({"inspect", golden, "--export", format, "--output", format + ".out"}, {.in = here.path()});
        CHECK(r.status == 0);
        CHECK(r.out.empty());
        CHECK(here.read(format + ".out") == page({"inspect", golden, "--export", format}));
    }
    here.write("none.jsonl", "nonsense\n");
    CHECK(run({"inspect", "none.jsonl", "--export", "dot", "--output", "kept"}, {.in = here.path()}).status == 2);
    CHECK_FALSE(here.has("kept"));
}

TEST_CASE("an export never overwrites its own trace, under whatever name") {
    folder const here;
    std::string const text = slurp(golden);
    here.write("trace.jsonl", text);
    std::filesystem::create_symlink("trace.jsonl", here.file("link"));
    std::filesystem::create_hard_link(here.file("trace.jsonl"), here.file("twin"));
    for (std::string const line :
        {"trace.jsonl --export chrome --output trace.jsonl", "trace.jsonl --export otlp --output ./link",
            "twin --export dot --output trace.jsonl", "- --export shiviz --output trace.jsonl < trace.jsonl"}) {
        result const r = run_line("shutdown-repro inspect " + line, here.path());
        INFO(line);
        CHECK(r.status == 2);
        CHECK_THAT(
            r.err, ContainsSubstring("--output: ") && ContainsSubstring("which is an input; choose another file"));
        CHECK(here.read("trace.jsonl") == text);
    }
}

TEST_CASE("a trace is watched while it grows, a torn line waits for its rest, and the footer ends it") {
    folder const here;
    std::string const path = here.write("grows.jsonl", header + event(0, R"("kind":"scope.open","id":"scope:1")"));
    program watching({"inspect", path, "--watch", "--filter", "not scope.cancelled"});
    until_read(watching, path);
    std::string const second = event(1, R"("kind":"scope.cancel","id":"scope:1")");
    append(path, second.substr(0, 20));
    until_read(watching, path);
    append(path, second.substr(20) + event(2, R"("kind":"scope.cancelled","id":"scope:1")"));
    until_read(watching, path);
    CHECK(watching.runs());
    append(path, event(3, R"("kind":"scope.disposed","id":"scope:1")") + footer(4));
    result const r = watching.wait();
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    CHECK(numbers(r.out) == std::set<std::string>{"#0", "#1", "#3"});
    CHECK_THAT(r.out, ContainsSubstring("4 events · 3.0 ms · clean\n"));
}

TEST_CASE("a watched trace is judged while it grows") {
    folder const here;
    std::string const path = here.write("breaks.jsonl", slurp(golden));
    std::string const text = page({"inspect", path, "--watch"});
    std::size_t const broken = text.find("✗ scope-disposed-nonempty");
    REQUIRE(broken != text.npos);
    CHECK(text.rfind("the disposal of", broken) != text.npos);
    CHECK(text.find("✗ scope-disposed-nonempty", broken + 1) == text.npos);
}

TEST_CASE("Ctrl-C ends watching after the rows so far") {
    folder const here;
    std::string const path = here.write("endless.jsonl", header + event(0, R"("kind":"scope.open","id":"scope:1")"));
    program watching({"inspect", path, "--watch"});
    append(path, event(1, R"("kind":"scope.cancel","id":"scope:1")"));
    until_read(watching, path);
    append(path, "{"); // who has read this has printed what came before
    until_read(watching, path);
    REQUIRE(::kill(watching.id(), SIGINT) == 0);
    result const r = watching.wait();
    CHECK(r.status == 128 + SIGINT);
    CHECK(numbers(r.out) == std::set<std::string>{"#0", "#1"});
}

TEST_CASE("a file that is emptied, deleted, renamed or replaced while it is watched is no longer waited for") {
    for (std::string const how : {"emptied", "deleted", "renamed", "replaced"}) {
        INFO(how);
        folder const here;
        std::string const path = here.write("gone.jsonl", header + event(0, R"("kind":"scope.open","id":"scope:1")"));
        program watching({"inspect", path, "--watch"});
        until_read(watching, path);
        if (how == "emptied") std::ofstream(path, std::ios::trunc).close();
        else if (how == "deleted") std::filesystem::remove(path);
        else std::filesystem::rename(path, here.file("gone.1"));
        if (how == "replaced") here.write("gone.jsonl", slurp(golden));
        result const r = watching.wait();
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring(how == "emptied" ? "was emptied" : "was renamed, deleted or replaced"));
    }
}

TEST_CASE("two executions are compared, and the decision that separates them is named") {
    folder const here;
    how const there{.in = here.path()};
    for (std::string const schedule : {"default", "1=1"})
        run({"run", "scope-disposal", "--world", "sim", "--schedule", schedule, "--trace", schedule + ".jsonl"}, there);
    CHECK(run({"diff", "default.jsonl", "default.jsonl"}, there).status == 0);
    result const r = run({"diff", "default.jsonl", "1=1.jsonl"}, there);
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out,
        ContainsSubstring("decided   the first different decision is 1") &&
            ContainsSubstring("A  #14 choice 0 of 3: the client connects (client:2)"));
    json const document = json::parse(run({"diff", "default.jsonl", "1=1.jsonl", "--json"}, there).out);
    CHECK(document.at("format") == "shutdown-repro/diff");
    CHECK(document.at("alike") == false);
    CHECK(document.at("decision").at("index") == 1);
    CHECK(document.at("b").at("schedule") == "1=1");
    CHECK(json::parse(run({"diff", "default.jsonl", "default.jsonl", "--json"}, there).out).at("alike") == true);
}

TEST_CASE("a report is compared with its fixed twin") {
    folder const here;
    how const there{.in = here.path()};
    for (std::string const policy : {"as-reported", "drained"})
        run({"run", "scope-disposal", "--world", "sim", "--policy", policy, "--trace", policy + ".jsonl"}, there);
    result const r = run({"diff", "as-reported.jsonl", "drained.jsonl"}, there);
    INFO(r.out);
    CHECK(r.status == 1);
    CHECK_THAT(r.out,
        ContainsSubstring(R"(scenario  policy: "as-reported" in A, "drained" in B)") &&
            ContainsSubstring("ends      A: SIGABRT; B: status 0"));
    CHECK_THAT(r.out, ContainsSubstring("✗ scope-disposed-nonempty\n"));
    for (std::string const& line : lines(r.out))
        CHECK(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }) <= 80);
}

TEST_CASE("diff names a trace that it can't read") {
    complains({"diff", golden}, 2, "B is required");
    complains({"diff", "-", "-"}, 2, "only one of the traces can be standard input");
    complains({"diff", golden, "/no/such/trace"}, 2, "/no/such/trace: No such file");
}

TEST_CASE("piped text is at most as wide as COLUMNS") {
    folder const here;
    std::string text = slurp(golden);
    std::string long_name;
    for (int i = 0; i < 60; ++i) long_name += "word ";
    text.replace(text.find("\"scope-disposal\""), 16, "\"" + long_name + "\"");
    std::string const named = here.write("named.jsonl", text);
    auto const columns = [](std::string const& line) {
        return std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    };
    auto const widest = [&](std::string const& out) {
        std::ptrdiff_t most = 0;
        for (std::string const& line : lines(out)) most = std::max<std::ptrdiff_t>(most, columns(line));
        return most;
    };
    auto const followed = [&](char const* width) {
        return run({"inspect", named, "--follow", "coroutine:4"}, {.environment = {{"COLUMNS", width}}}).out;
    };
    CHECK(widest(followed("200")) > 80);
    CHECK(widest(followed("200")) <= 200);
    for (char const* odd : {"", "39", "1001", "80x", "-80", "99999999999999999999"})
        CHECK(followed(odd) == followed("80"));
    std::string const narrow = run({"inspect", named}, {.environment = {{"COLUMNS", "40"}}}).out;
    CHECK(widest(narrow) <= 40);
    CHECK_THAT(narrow, ContainsSubstring("disposal\""));
    CHECK_THAT(narrow, !ContainsSubstring("✗ assertion-failed  \"Scop…"));
}
