#include "tests/catch.hpp"
#include "traces/rules/stderr_text.hpp"

using namespace shutdown_repro::traces;

namespace {
using reports = std::vector<sanitizer_report>;
}

TEST_CASE("failed assertions are recognized as the common runtimes print them") {
    struct sample {
        std::string_view line, message, where;
    };
    sample const one =
        GENERATE(sample{"a.out: src/x.c:12: int f(int): Assertion `n > 0' failed.", "n > 0", "src/x.c:12"},
            sample{"x.c:7: f: Assertion `ok && \"must hold\"' failed.", "must hold", "x.c:7"},
            sample{"Assertion failed: (n > 0), function f, file x.c, line 12.", "n > 0", "x.c:12"},
            sample{"Assertion failed: n > 0 (x.c: f: 12)", "n > 0 (x.c: f: 12)", ""},
            sample{"AssertionError: not drained", "not drained", ""},
            sample{"thread 'main' panicked at 'assertion failed: x.is_empty()', src/main.rs:2:5",
                "x.is_empty()', src/main.rs:2:5", ""},
            sample{"assertion `left == right` failed", "assertion `left == right` failed", ""});
    INFO(one.line);
    auto const found = assertions_in(one.line);
    REQUIRE(found.size() == 1);
    CHECK(found[0].message == one.message);
    CHECK(found[0].where == one.where);
    CHECK(found[0].line == one.line);
}

TEST_CASE("lines that merely speak of assertions are none") {
    CHECK(assertions_in("").empty());
    CHECK(assertions_in("\n\nassertions enabled\r\n3 assertions, 0 failed\nAssertion `").empty());
}

TEST_CASE("each sanitizer report counts once, its summary line not") {
    std::string_view const text = "==1==ERROR: AddressSanitizer: stack-overflow on address 0x1\n"
                                  "    #0 0x2 in f AddressSanitizer: x\n"
                                  "SUMMARY: AddressSanitizer: stack-overflow\n"
                                  "WARNING: ThreadSanitizer: data race (pid=3)\n"
                                  "x.cpp:3:4: runtime error: signed integer overflow\n";
    CHECK(sanitizer_reports_in(text) ==
        reports{{"AddressSanitizer: stack-overflow on address 0x1"}, {"ThreadSanitizer: data race (pid=3)"},
            {"x.cpp:3:4: runtime error: signed integer overflow"}});
    CHECK(sanitizer_reports_in("all fine, AddressSanitizer: off").empty());
}

TEST_CASE("a report of a sanitizer may follow the rest of a line or the name of a service, a mention of one is none") {
    std::string_view const report = "==1==ERROR: LeakSanitizer: detected memory leaks";
    for (std::string const before : {"", "xxx ", "app-1  | "})
        CHECK(sanitizer_reports_in(before + std::string(report)) ==
            reports{{"LeakSanitizer: detected memory leaks", before != "xxx "}});
    CHECK(sanitizer_reports_in("GET /==1==ERROR: LeakSanitizer: x").empty());
    CHECK(sanitizer_reports_in("GET /?q=WARNING: ThreadSanitizer: x").empty());
    CHECK(sanitizer_reports_in("http: panic serving 127.0.0.1:3333: runtime error: index out of range").empty());
    CHECK(sanitizer_reports_in("http: panic serving [::1]:3333: runtime error: index out of range").empty());
}

TEST_CASE("a report or an assertion in colors is one as well") {
    CHECK(sanitizer_reports_in("\x1b[1m\x1b[31m==1==ERROR: LeakSanitizer: detected memory leaks\x1b[1m\x1b[0m") ==
        reports{{"LeakSanitizer: detected memory leaks"}});
    CHECK(
        sanitizer_reports_in("\x1b[1mx.cpp:3:4:\x1b[1m\x1b[31m runtime error: \x1b[1m\x1b[0moverflow\x1b[1m\x1b[0m") ==
        reports{{"x.cpp:3:4: runtime error: overflow"}});
    CHECK(
        sanitizer_reports_in("\x1b[36mapp-1  | \x1b[0m==1==ERROR: LeakSanitizer: x") == reports{{"LeakSanitizer: x"}});
    CHECK(sanitizer_reports_in("\x1b[").empty());
    CHECK(assertions_in("\x1b[1ma.out: x.c:12: f: Assertion `n > 0' failed.\x1b[0m").size() == 1);
}

TEST_CASE("the runtimes of C and C++ end the process with such a line, an exception does not") {
    for (std::string_view const line : {"a.out: src/x.c:12: int f(int): Assertion `n > 0' failed.",
             "Assertion failed: (n > 0), function f, file x.c, line 12.", "Assertion failed: n > 0 (x.c: f: 12)",
             "/usr/include/c++/12/bits/stl_vector.h:1123: f(): Assertion '__n < this->size()' failed.",
             "/usr/include/c++/v1/vector:1393: assertion __n < size() failed: out of bounds"}) {
        INFO(line);
        auto const found = assertions_in(line);
        REQUIRE(found.size() == 1);
        CHECK(found[0].ends_process);
    }
    for (std::string_view const line : {"AssertionError: not drained", "assertion failed: x.is_empty()",
             "127.0.0.1 - GET /Assertion failed: x 404", "AssertionError [ERR_ASSERTION]: no"}) {
        INFO(line);
        for (failed_assertion const& a : assertions_in(line)) CHECK_FALSE(a.ends_process);
    }
}
