// Damaged traces: every fault is either a problem, so the trace is not clean, or an error that says where.
#include <fcntl.h>
#include <random>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"

using namespace shutdown_repro::traces;

namespace {

struct counting final : reader_events {
    int headers = 0, footers = 0;
    std::vector<seq_t> seqs;
    void on_header(header const&) override { ++headers; }
    void on_event(event const& e) override { seqs.push_back(e.seq); }
    void on_footer(footer const&) override { ++footers; }
};

std::string an_event(seq_t seq) {
    event e;
    e.seq = seq;
    e.what = kind::scope_open;
    return line_of(e);
}

std::string a_footer(std::uint64_t events, std::uint64_t dropped = 0) {
    std::string out;
    write_footer(out, {events, dropped, 0, "", ""});
    return out;
}

std::vector<std::string> problems_of(std::string const& text) {
    counting to;
    return read_text(text, "test.jsonl", to).problems;
}

std::string error_of(std::string const& text) {
    counting to;
    try {
        read_text(text, "test.jsonl", to);
    } catch (trace_error const& e) { return e.what(); }
    return "no error";
}

using one = std::vector<std::string>;

} // namespace

TEST_CASE("a complete trace has no problems") {
    counting to;
    read_result const r = read_text(a_header + an_event(0) + an_event(1) + a_footer(2), "test.jsonl", to);
    CHECK((r.has_footer && r.events == 2 && r.problems.empty()));
    CHECK((to.headers == 1 && to.footers == 1 && to.seqs == std::vector<seq_t>{0, 1}));
    CHECK(problems_of(a_header + a_footer(0)).empty());
}

TEST_CASE("a trace cut at every byte is never taken for complete") {
    std::string const text = content_of(TEST_DATA "/every-kind.jsonl");
    std::size_t const first_line = text.find('\n');
    std::uint64_t whole_lines = 0;
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        INFO("cut at byte " << cut);
        std::string const part = text.substr(0, cut);
        if (cut > first_line && part.back() == '\n' && cut > first_line + 1) ++whole_lines;
        counting to;
        if (cut < first_line) {
            CHECK_THROWS_AS(read_text(part, "test.jsonl", to), trace_error);
            continue;
        }
        read_result const r = read_text(part, "test.jsonl", to);
        if (cut == text.size() - 1) { // only the last line break is missing, so nothing is lost
            CHECK((r.has_footer && r.problems.empty()));
            continue;
        }
        CHECK_FALSE(r.has_footer);
        CHECK_FALSE(r.problems.empty());
        // Every complete event is read, and no other.
        CHECK(r.events == to.seqs.size());
        CHECK((r.events == whole_lines || (part.back() == '}' && r.events == whole_lines + 1)));
        CHECK((cut == first_line || part.back() == '\n' || part.back() == '}' ||
            r.problems.front().find("torn") != std::string::npos));
    }
}

TEST_CASE("a trace with any one line left out is never taken for complete") {
    std::string const text = content_of(TEST_DATA "/every-kind.jsonl");
    std::size_t lines = 0;
    for (std::size_t at = text.find('\n') + 1, end; (end = text.find('\n', at)) != text.npos; at = end + 1, ++lines) {
        counting to;
        read_result const r = read_text(text.substr(0, at) + text.substr(end + 1), "test.jsonl", to);
        INFO(text.substr(at, end - at));
        CHECK((!r.has_footer || !r.problems.empty()));
    }
    CHECK(lines == 123);
}

TEST_CASE("a missing footer, a gap, a step back, drops and a wrong count are each named") {
    CHECK(problems_of(a_header + an_event(0)) == one{"there is no footer: the trace was cut short"});
    CHECK(problems_of(a_header + an_event(0) + an_event(2) + a_footer(2)) == one{"event 1 is missing before line 3"});
    CHECK(problems_of(a_header + an_event(3) + a_footer(1)) == one{"events 0 to 2 are missing before line 2"});
    CHECK(problems_of(a_header + an_event(0) + an_event(0) + a_footer(2)) == one{"line 3 goes back to event 0"});
    CHECK(problems_of(a_header + an_event(0) + a_footer(1, 7)) == one{"the writer dropped 7 events"});
    CHECK(problems_of(a_header + an_event(0) + a_footer(9)) == one{"the footer counts 9 events, the trace has 1"});
    CHECK(problems_of(a_header + an_event(0) + R"({"seq":1,"t":)") ==
        one{"line 3 is torn: not JSON from byte 14 on", "there is no footer: the trace was cut short"});
}

TEST_CASE("what follows the footer is a problem and is not read") {
    counting to;
    read_result const r = read_text(a_header + a_footer(0) + an_event(0) + "garbage\n" + a_header, "test.jsonl", to);
    CHECK(r.problems == one{"line 3 follows the footer; it and what comes after it is not read"});
    CHECK((to.seqs.empty() && to.headers == 1));
    CHECK(problems_of(a_header + a_footer(0) + "\n \r\n").empty());
}

TEST_CASE("a trace of faults has a bounded list of problems that says how many more there are") {
    std::string text = a_header;
    for (seq_t i = 0; i < 1000; ++i) text += an_event(1 + 2 * i);
    std::vector<std::string> const problems = problems_of(text);
    REQUIRE(problems.size() == 21);
    CHECK(problems.back() == "and 981 more");
}

TEST_CASE("a file that is not a trace is refused, and the error says what was expected") {
    CHECK_THAT(error_of(""),
        ContainsSubstring("test.jsonl: empty, expected a trace, which begins with the line {\"format\":"));
    CHECK_THAT(error_of("\n\n"), ContainsSubstring("test.jsonl: empty"));
    CHECK_THAT(error_of("#!/bin/sh\n"), ContainsSubstring("test.jsonl:1: not JSON from byte 1 on, expected a trace"));
    CHECK_THAT(error_of("{\n  \"format\": 1\n}\n"), ContainsSubstring("test.jsonl:1: not JSON"));
    CHECK_THAT(error_of("[]\n"), ContainsSubstring("test.jsonl:1: a line must be a JSON object, is []"));
    CHECK_THAT(error_of(R"({"seq":0,"t":0,"kind":"scope.open"})"),
        ContainsSubstring("test.jsonl:1: \"format\" is missing, expected a trace"));
    CHECK_THAT(error_of(R"({"format":"shutdown-repro/report","version":"1.0"})"),
        ContainsSubstring("test.jsonl:1: the format is \"shutdown-repro/report\", expected a trace"));
    CHECK_THAT(error_of(R"({"format":"shutdown-repro/trace"})"), ContainsSubstring("its version is null"));
}

TEST_CASE("a newer major version is refused by name and a newer minor version is read") {
    CHECK_THAT(error_of(R"({"format":"shutdown-repro/trace","version":"2.0"})"),
        ContainsSubstring("test.jsonl:1: its version is \"2.0\" and this program reads 1.x"));
    CHECK_THAT(error_of(R"({"format":"shutdown-repro/trace","version":"10.0"})"), ContainsSubstring("reads 1.x"));
    CHECK_THAT(error_of(R"({"format":"shutdown-repro/trace","version":1})"),
        ContainsSubstring("\"version\" must be a string, is 1"));
    CHECK(problems_of(R"({"format":"shutdown-repro/trace","version":"1.7","new":{}})"
                      "\n" +
        a_footer(0))
              .empty());
}

TEST_CASE("a malformed line that is not the last is an error with its place and what was expected") {
    auto const second = [](std::string const& line) { return error_of(a_header + line + "\n" + an_event(0)); };
    CHECK(second(R"({"seq":0,"t":)") == "test.jsonl:2: not JSON from byte 14 on, expected an event or the footer");
    CHECK(second("true") == "test.jsonl:2: a line must be a JSON object, is true");
    CHECK(second("{}") == "test.jsonl:2: \"seq\" is missing");
    CHECK(second(R"({"seq":-1,"t":0,"kind":"a"})") == "test.jsonl:2: \"seq\" must be a whole number, is -1");
    CHECK(second(R"({"seq":1.5,"t":0,"kind":"a"})") == "test.jsonl:2: \"seq\" must be a whole number, is 1.5");
    CHECK(second(R"({"seq":0,"kind":"a"})") == "test.jsonl:2: \"t\" is missing");
    CHECK(second(R"({"seq":0,"t":"now","kind":"a"})") ==
        "test.jsonl:2: \"t\" must be a whole number of nanoseconds, is \"now\"");
    CHECK(second(R"({"seq":0,"t":0})") == "test.jsonl:2: \"kind\" is missing");
    CHECK(second(R"({"seq":0,"t":0,"kind":""})") ==
        "test.jsonl:2: \"kind\" must be a name such as \"scope.open\", is \"\"");
    CHECK(second(R"({"seq":0,"t":0,"kind":"a","id":"scope"})") ==
        "test.jsonl:2: \"id\" must be an id such as \"scope:2\", is \"scope\"");
    CHECK(second(R"({"seq":0,"t":0,"kind":"a","by":3})") ==
        "test.jsonl:2: \"by\" must be an id such as \"scope:2\", is 3");
    CHECK(second(R"({"seq":0,"t":0,"kind":"a","because":4})") ==
        "test.jsonl:2: \"because\" must be a list of whole numbers, is 4");
    CHECK(second(R"({"seq":0,"t":0,"kind":"a","because":[-4]})") ==
        "test.jsonl:2: \"because\" must be a list of whole numbers, is [-4]");
    CHECK(second(R"({"seq":0,"t":0,"kind":"a","detail":[]})") == "test.jsonl:2: \"detail\" must be an object, is []");
    CHECK(second(R"({"footer":true})") == "test.jsonl:2: \"events\" is missing");
    CHECK(second(R"({"footer":1,"events":0})") == "test.jsonl:2: \"footer\" must be true, is 1");
    CHECK(second(a_header.substr(0, a_header.size() - 1)) == "test.jsonl:2: a second header");
}

TEST_CASE("a message shows only the beginning of a long value, and no control characters") {
    std::string const message = error_of(a_header + R"({"seq":")" + "\\u001b[2J" + std::string(100'000, 'x') + "\"}\n");
    CHECK(message.size() < 200);
    CHECK_THAT(message, ContainsSubstring("\\u001b[2Jxxx"));
}

TEST_CASE("any valid spelling of a line reads the same") {
    trace const ours = trace_of(a_header +
        R"({"seq":0,"t":5,"kind":"scope.dispose","id":"scope:2","because":[1,2],"detail":{"refs":1,"object":true,"live":["coroutine:3"]}})"
        "\n" +
        a_footer(1));
    trace const theirs = trace_of(
        R"({"new": [{}], "version": "1.0", "format": "shutdown-repro/trace"})"
        "\r\n\r\n"
        R"( { "detail": {"refs": 1, "object": true, "none": null, "live": [ "coroutine\u003a3" ] }, "unknown": {"a": [1]}, "parent": null,)"
        R"( "because": [1, 2], "kind": "scope.dispose", "id": "scope:2", "t": 5, "seq": 0 } )"
        "\r\n"
        R"({"events": 1, "outcome": {"status": 0, "core": true}, "footer": true})");
    CHECK(theirs.problems.empty());
    CHECK(text_of(theirs) == text_of(ours));
}

TEST_CASE("a detail that is none of the format's types is kept as its JSON") {
    trace const t = trace_of(a_header +
        R"({"seq":0,"t":0,"kind":"a","detail":{"f":1.5,"big":18446744073709551615,"o":{"x":[1,{}]},"mixed":["scope:1",2],"words":["a"],"one":{"text":"b"}}})"
        "\n");
    REQUIRE(t.events.size() == 1);
    event const& e = t.events[0];
    CHECK(e.text("f") == "1.5");
    CHECK(e.text("big") == "18446744073709551615");
    CHECK(e.text("o") == R"({"x":[1,{}]})");
    CHECK(e.text("mixed") == R"(["scope:1",2])");
    CHECK(e.text("words") == R"(["a"])");
    CHECK(e.text("one") == "b");
}

TEST_CASE("of a repeated key the last counts, on the fast path too") {
    trace const t = trace_of(a_header +
        R"({"seq":9,"t":1,"kind":"a","seq":0,"detail":{"n":1},"detail":{"n":2,"m":5,"n":3}})"
        "\n" +
        R"({"seq":1,"t":1,"kind":"a","detail":{"n":1,"n":2}})"
        "\n");
    REQUIRE(t.events.size() == 2);
    CHECK((t.events[0].seq == 0 && t.events[0].integer("n") == 3 && t.events[0].integer("m") == 5));
    CHECK((t.events[1].integer("n") == 2 && t.events[1].detail.size() == 1));
}

TEST_CASE("hostile JSON is refused without a crash") {
    auto const hostile = [](std::string const& value) {
        return error_of(a_header + R"({"seq":0,"t":0,"kind":"a","x":)" + value + "}\n" + a_footer(1));
    };
    CHECK_THAT(hostile(std::string(5'000'000, '[')), ContainsSubstring("test.jsonl:2: nested deeper than 64"));
    CHECK_THAT(hostile(std::string(200, '[') + std::string(200, ']')), ContainsSubstring("nested deeper than 64"));
    CHECK(hostile("\"" + std::string(200, '[') + "\\\"" + std::string(200, '{') + "\"") ==
        "no error"); // brackets inside a string do not nest
    CHECK_THAT(hostile("1e999"), ContainsSubstring("test.jsonl:2: a number is out of range"));
    CHECK(hostile(std::string(1'000'000, '9') + ".5e-999999") != "");
    CHECK_THAT(hostile("\"\xFF\""), ContainsSubstring("test.jsonl:2: not JSON"));
    CHECK_THAT(hostile("\"\\ud800\""), ContainsSubstring("test.jsonl:2: not JSON"));
    CHECK_THAT(hostile(std::string("\"a\0b\"", 5)), ContainsSubstring("test.jsonl:2: not JSON"));
    CHECK_THAT(hostile(std::string(4096, '\0')), ContainsSubstring("test.jsonl:2: not JSON"));
    CHECK(hostile("\"" + std::string(10'000'000, 'x') + "\"") == "no error");
    CHECK_THAT(error_of(a_header +
                   R"({"seq":18446744073709551616,"t":0,"kind":"a"})"
                   "\n"),
        ContainsSubstring("\"seq\" must be a whole number"));
    CHECK_THAT(error_of(a_header +
                   R"({"seq":0,"t":99999999999999999999,"kind":"a"})"
                   "\n"),
        ContainsSubstring("\"t\" must be a whole number"));
    CHECK_THAT(error_of(a_header +
                   R"({"seq":0,"t":9223372036854775808,"kind":"a"})"
                   "\n"),
        ContainsSubstring("\"t\" must be a whole number"));
    CHECK_THAT(error_of(a_header +
                   R"({"seq":0,"t":0,"kind":"a","id":"scope:4294967296"})"
                   "\n"),
        ContainsSubstring("\"id\" must be an id"));
}

TEST_CASE("the number that stands for no event is no event's number, and the one before it is") {
    CHECK_THAT(error_of(a_header + an_event(no_seq)), ContainsSubstring("\"seq\" must be an event's number"));
    CHECK(problems_of(a_header + an_event(no_seq - 1) + an_event(0) + a_footer(2)).size() == 2);
}

TEST_CASE("random damage to a trace is never taken for a complete trace of other events") {
    std::string const good = content_of(TEST_DATA "/every-kind.jsonl");
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
        std::string text = good;
        for (std::size_t n = random() % 3 + 1; n > 0; --n) text[random() % text.size()] = static_cast<char>(random());
        counting to;
        try {
            read_result const r = read_text(text, "test.jsonl", to);
            if (r.has_footer && r.problems.empty()) REQUIRE(to.seqs.size() == 122);
        } catch (trace_error const&) {}
    }
}

TEST_CASE("a file, a pipe and a text read the same, whatever the sizes of the pieces") {
    temporary_folder folder;
    std::string text = a_header;
    for (seq_t i = 0; i < 20'000; ++i) text += an_event(i);
    text += R"({"seq":20000,"t":0,"kind":"process.stderr","detail":{"text":")" + std::string(700'000, 'x') + "\"}}\n" +
        a_footer(20'001);
    std::string const file = folder / "trace.jsonl", pipe = folder / "pipe";
    std::ofstream(file, std::ios::binary) << text;
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] {
        std::ofstream out(pipe, std::ios::binary);
        for (std::size_t at = 0, n = 1; at < text.size(); at += n, n = n * 3 % 4001 + 1)
            out.write(text.data() + at, static_cast<std::streamsize>(std::min(n, text.size() - at))).flush();
    });
    trace const from_pipe = read_file(pipe);
    writer.join();
    CHECK(from_pipe.problems.empty());
    CHECK((text_of(from_pipe) == text));
    CHECK((text_of(read_file(file)) == text));
    CHECK((text_of(trace_of(text)) == text));
}

TEST_CASE("a line past the limit is refused before it fills the memory") {
    temporary_folder folder;
    std::string const path = folder / "long.jsonl";
    {
        std::ofstream out(path, std::ios::binary);
        out << a_header << R"({"seq":0,"t":0,"kind":")";
        std::string const piece(1'000'000, 'x');
        for (int i = 0; i < 20; ++i) out << piece;
    }
    counting to;
    CHECK_THROWS_WITH(read_stream(path, to), ContainsSubstring("long.jsonl:2: the line is longer than 16 MiB"));
}

TEST_CASE("a file that cannot be read is named with the reason") {
    temporary_folder folder;
    counting to;
    CHECK_THROWS_WITH(
        read_stream(folder / "absent.jsonl", to), ContainsSubstring("absent.jsonl: No such file or directory"));
    CHECK_THROWS_WITH(read_stream(folder / ".", to), ContainsSubstring("Is a directory"));
}

TEST_CASE("standard input is read as -") {
    temporary_folder folder;
    std::string const path = folder / "stdin.jsonl";
    std::ofstream(path, std::ios::binary) << a_header << an_event(0) << "broken\n";
    int const before = ::dup(STDIN_FILENO), file = ::open(path.c_str(), O_RDONLY);
    ::dup2(file, STDIN_FILENO);
    counting to;
    CHECK_THROWS_WITH(read_stream("-", to), ContainsSubstring("standard input:3: not JSON"));
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    ::close(file);
    CHECK(to.seqs == std::vector<seq_t>{0});
}

TEST_CASE("a growing trace that is renamed is read to its end before that is reported") {
    temporary_folder folder;
    std::string const path = folder / "grows.jsonl";
    std::ofstream writer(path);
    writer << a_header << an_event(0) << std::flush;
    counting to;
    growing_trace trace(path, to);
    while (trace.more()) {}
    trace.must_be_there();
    writer << an_event(1) << std::flush;
    std::filesystem::rename(path, folder / "renamed.jsonl");
    trace.must_be_there();
    CHECK(to.seqs == std::vector<seq_t>{0, 1});
    CHECK_THROWS_WITH(trace.must_be_there(), path + " was renamed, deleted or replaced while it was read");
}
