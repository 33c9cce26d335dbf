// Checks the contents of bug reports, and that a hostile trace can't add anything to them.
#include <algorithm>
#include <random>
#include <sstream>
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"
#include "traces/markdown/bug_report.hpp"
#include "traces/markdown/escape.hpp"

using namespace shutdown_repro::traces;

namespace {

std::string report_of(trace const& t, std::string subject = "shop") {
    rule_run run;
    play(t, run);
    std::string const command = subject;
    return as_markdown({.trace = t,
        .violations = run.violations(),
        .subject = std::move(subject),
        .again = command,
        .document = command});
}

// Returns the text outside code, without the code spans and fenced blocks as CommonMark defines them.
std::string outside_code(std::string const& text) {
    std::string out, fence;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::size_t const ticks = line.find_first_not_of('`') == line.npos ? line.size() : line.find_first_not_of('`');
        if (!fence.empty()) {
            if (ticks >= fence.size() && ticks == line.size()) fence.clear();
            continue;
        }
        if (ticks >= 3 && line.find('`', ticks) == line.npos) {
            fence = line.substr(0, ticks);
            continue;
        }
        for (std::size_t at = 0; at < line.size();) {
            std::size_t const run = std::min(line.find_first_not_of('`', at), line.size()) - at;
            std::size_t close = line.npos;
            for (std::size_t from = at + run; run && from < line.size();) { // the next run of the same length
                std::size_t const begin = line.find('`', from);
                if (begin == line.npos) break;
                std::size_t const end = std::min(line.find_first_not_of('`', begin), line.size());
                if (end - begin == run) close = end;
                if (close != line.npos) break;
                from = end;
            }
            if (close != line.npos) at = close;
            else out += line.substr(at, std::max<std::size_t>(run, 1)), at += std::max<std::size_t>(run, 1);
        }
        out += "\n";
    }
    return out + (fence.empty() ? "" : "OPEN FENCE");
}

// A trace with the defect of the first report, with the given names.
trace hostile_trace(std::string_view name) {
    story s;
    s.tell("scope.open", "scope:1", {{"name", name}});
    s.tell("coroutine.spawn", "coroutine:1", {{"name", name}}, "scope:1");
    seq_t const free = s.tell("act.free", "server:1", {}, {}, "control:1");
    s.because = {free};
    std::vector<ref> const live{{entity::coroutine, 1}};
    seq_t const dispose =
        s.tell("scope.dispose", "scope:1", {{"refs", 0}, {"live", std::span<ref const>(live)}}, {}, "control:1");
    s.because = {dispose};
    s.tell("assert", "scope:1", {{"message", name}, {"file", name}, {"line", 1}}, {}, "control:1");
    s.told.foot.emplace();
    s.told.foot->events = 5;
    s.told.foot->signal = "SIGABRT";
    return std::move(s.told);
}

std::vector<std::string> const hostile_names{"`", "``", "```", "````````", "a` b", "` ", "|cell|",
    "<img src=x onerror=alert(1)>", "<!-- ", "-->", "\n# heading", "\r\n```\n<script>alert(1)</script>", "@torvalds",
    "#1", "owner/repo#1", "https://evil.example/", "www.evil.example", "[link](javascript:alert(1))",
    "![pic](//evil.example/p.png)", "\\`", "\\", "**bold**", "\t```", "    ```", "~~~", "a;b", "end", "%%{init: {}}%%",
    "p0->>p1: forged", "#60;script#62;", "<br/>", "participant x as y", "\xe2\x80\xaeright to left", "--", "$$x$$",
    ":smile:"};

} // namespace

TEST_CASE("a bug report has the defect, the command, the live members, the chain of calls, the fix and the difference "
          "of the twin") {
    trace const t = read_file(TEST_DATA "/scope-disposal.jsonl");
    rule_run run;
    play(t, run);
    std::string const text = as_markdown({.trace = t,
        .violations = run.violations(),
        .subject = "scope-disposal",
        .again = "shutdown-repro run scope-disposal",
        .document = "{\n  \"scenario\": \"scope-disposal\"\n}",
        .versions = {"shutdown-repro 1.0"},
        .passes = "when decision 8 is not \"free is called\" but \"the server reads\""});
    for (char const* part : {"# `scope-disposal`: `scope-disposed-nonempty` when it is stopped\n", "## Summary\n",
             "What follows from it: `assertion-failed, ", "What came before it and led to it: `stop-returned-early",
             "## How to reproduce\n\n```sh\nshutdown-repro run scope-disposal\n```\n",
             "```json\n{\n  \"scenario\": \"scope-disposal\"\n}\n```\n", "- `shutdown-repro 1.0`\n",
             "Still inside at that moment:\n\n- `coroutine:4 ", "## Root cause (call chain)\n\n1. event ",
             "**← scope-disposed-nonempty**", "```mermaid\nsequenceDiagram\n    participant p0 as ",
             "What usually fixes it: ", "The same execution passes `when decision 8 is not"})
        CHECK_THAT(text, ContainsSubstring(part));
}

TEST_CASE("every name of a trace is code in a bug report") {
    std::string const plain = outside_code(report_of(hostile_trace("name")));
    for (std::string const& name : hostile_names) {
        CAPTURE(name);
        std::string const text = outside_code(report_of(hostile_trace(name), name));
        CHECK(text == plain);
    }
}

TEST_CASE("random names of Markdown characters are code in a bug report, at every length") {
    std::mt19937 draw(3);
    std::string const plain = outside_code(report_of(hostile_trace("name")));
    for (int round = 0; round < 500; ++round) {
        std::string name = "x";
        for (std::size_t n = draw() % 40; n > 0; --n) name += "``` \n|<>@#[]()!~*_\\:/;%-a"[draw() % 24];
        CAPTURE(name);
        REQUIRE(outside_code(report_of(hostile_trace(name), name)) == plain);
    }
}

TEST_CASE("a fence is longer than every run of backticks in its block") {
    CHECK(code_block("sh", "a\n```\nb") == "````sh\na\n```\nb\n````\n");
    CHECK(code_block("", "``````") == "```````\n``````\n```````\n");
    CHECK(code_span("a ``` b") == "````a ``` b````");
    CHECK(code_span("`") == "`` ` ``");
    CHECK(code_span("") == "` `");
}

TEST_CASE("a label of a diagram has no character with a meaning in Mermaid or HTML") {
    for (std::string const& name : hostile_names) {
        CAPTURE(name);
        std::string const label = mermaid_label(name, 60);
        CHECK(label.find_first_of("\n\r;#%<>\"{}[]`|\\&~*$@") == label.npos);
        CHECK(label.find("--") == label.npos);
        CHECK_FALSE(label.empty());
    }
    CHECK(mermaid_label("scope:4 (request:2) disposed", 60) == "scope:4 (request:2) disposed");
}

TEST_CASE("the diagram of a long path leaves out its middle and says how many steps that are") {
    story s;
    s.tell("act.stop", "server:1");
    for (int i = 0; i < 100; ++i) {
        s.because = {static_cast<seq_t>(i)};
        s.tell("scope.notify", "scope:1");
    }
    std::vector const one{
        violation{.rule = "scope-disposed-nonempty", .level = severity::error, .at = 100, .witness = {100}}};
    std::string const text = as_markdown({.trace = s.told, .violations = one, .subject = "long"});
    CHECK_THAT(text,
        ContainsSubstring("71 further events lie between") && ContainsSubstring("Note over p0: 71 steps in between"));
}
