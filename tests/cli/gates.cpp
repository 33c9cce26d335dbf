#include "tests/cli/gates.hpp"

namespace shutdown_repro::cli_tests {

using namespace repro;

gate_result ordinary_gate() {
    gate_violation const lost{.rule = "finish-event-lost",
        .fingerprint = "finish-event-lost request: request.begin request",
        .level = traces::severity::error,
        .message = "request:1 has begun and never finished",
        .count = 2,
        .replay = "shutdown-repro replay findings/1.jsonl",
        .trace = "findings/1.jsonl",
        .witness = {{4, "request:1 begins"}, {9, "loop:1 ends"}},
        .inside = {"request:1, begun at #4"},
        .reason = {}};
    gate_result r{.file = "ci/gate.json",
        .baseline = "ci/baseline.json",
        .checks = {},
        .stale = {},
        .interrupted = false,
        .shard = {}};
    auto const add = [&](char const* name, outcome result) -> check_result& {
        check_result& c = r.checks.emplace_back();
        c.name = name;
        c.scenario = "lost-finish";
        c.policy = "drained";
        c.world = server::world_kind::sim;
        c.file = r.file;
        c.line = static_cast<std::uint32_t>(r.checks.size() * 10);
        c.result = result;
        c.trials = 3;
        c.seconds = 1.5;
        return c;
    };
    add("all clean", outcome::passed).guarantee = "all 12 schedules of this scenario: no violation";
    check_result& reproducer = add("reproduces", outcome::passed);
    reproducer.expected = {.clean = false, .rules = {"finish-event-lost"}};
    reproducer.violations = {lost};
    reproducer.violations[0].stands = standing::expected;
    check_result& failed = add("has a new violation", outcome::failed);
    failed.why = {"new: finish-event-lost in 2 of 3 executions (baseline: none)"};
    failed.violations = {lost};
    failed.violated = 2;
    check_result& known = add("as bad as it was", outcome::passed);
    known.why = {"the baseline knows it"};
    known.violations = {lost, lost};
    known.violations[0].stands = standing::known;
    known.violations[1].stands = standing::excepted;
    known.violations[1].reason = "waits for the new parser, until 2030-01-01";
    check_result& missed = add("does not reproduce", outcome::failed);
    missed.expected = {.clean = false, .rules = {"timer-lost"}};
    missed.why = {"timer-lost did not come in 3 executions"};
    add("stale", outcome::stale).why = {"finish-event-lost is gone; remove it from the baseline"};
    add("unclear", outcome::inconclusive).why = {"the server did not start"};
    r.stale = {"the check \"gone\" is no longer there; remove it from the baseline"};
    return r;
}

std::vector<std::string> const& attacks() {
    static std::vector<std::string> const all{
        "\x1b[31mred\x1b[0m\a\b",
        "a]]>b<!--",
        "</testcase><script>alert('x')</script>&amp;\"'",
        "::error::injected",
        "  ::set-output name=a::b",
        "##[add-mask]secret",
        "x ##[error]y",
        "::shutdown-repro-output-0-ends::",
        "line\n::stop-commands::x\r\n::add-mask::y",
        "%0A::error::, file=a:b,c%25",
        "no UTF-8 \xff\xfe\xc0\x80 \xed\xa0\x80",
        "\xef\xbf\xbf\xef\xbf\xbe",
        "# SKIP \\ # TODO",
        "x\nnot ok 1 - y\nBail out!\n1..0",
        "| a | **b** | [c](http://evil) ![d](e) @f #1 `g` $h$",
        "{0} {{1}} [link](1)",
        "../../etc/passwd%00",
        "\xe2\x80\xae"
        "reversed",
        std::string("nul\0inside", 10),
        std::string(100'000, 'x'),
        std::string(50'000, '\n') + "end",
        "tab\tand \\x1b backslash",
        "- \"quoted\": yaml\n  ...\n---",
    };
    return all;
}

gate_result hostile_gate() {
    gate_result r{
        .file = attacks()[1], .baseline = attacks()[2], .checks = {}, .stale = {}, .interrupted = true, .shard = {}};
    for (std::string const& a : attacks())
        for (outcome const result : {outcome::passed, outcome::failed, outcome::stale, outcome::inconclusive}) {
            check_result& c = r.checks.emplace_back();
            c.name = c.scenario = c.policy = c.strategy = c.file = c.guarantee = a;
            if (result == outcome::inconclusive) c.target = c.probe = a;
            c.line = 7;
            c.result = result;
            c.why = {a, a};
            c.trials = ~0ull;
            c.seconds = result == outcome::stale ? -1e300 : 1e300;
            c.violations = {{.rule = a,
                .fingerprint = a,
                .level = traces::severity::warning,
                .message = a,
                .count = 1,
                .replay = a,
                .trace = a,
                .witness = {{~0ull - 5, a}, {2, a}},
                .inside = {a, a},
                .stands = static_cast<standing>(r.checks.size() % 7),
                .reason = a,
                .caused_by = {},
                .led_to = false}};
            c.violations.push_back(c.violations.front()); // of the same defect
            c.violations.back().stands = standing::follows;
            c.violations.back().caused_by = {{a, a}};
            c.violations.back().led_to = r.checks.size() % 2;
            c.trouble = a;
            r.stale.push_back(a);
        }
    return r;
}

} // namespace shutdown_repro::cli_tests
