// Reads the reports of a gate as their readers do, with ordinary and hostile names.
#include <filesystem>
#include <locale>
#include <regex>
#include "cli/ci/reports.hpp"
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "tests/catch.hpp"
#include "tests/cli/gates.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::cli;
using namespace shutdown_repro::cli_tests;

namespace {

bool there_is_no(std::string const& tool, std::string const& package) {
    if (run_line("command -v " + tool, "/").status == 0) return false;
    shutdown_repro::tests::skip(
        "there is no " + tool + " on this machine, so nobody has read the report (apt install " + package + ")");
    return true;
}

// Returns the document without its markup, and checks that XML defines every character reference.
bool harmless_xml(std::string const& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 && c != '\n') return false;
        if (c == '&' &&
            !std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(i),
                text.begin() + static_cast<std::ptrdiff_t>(std::min(i + 7, text.size())),
                std::regex("^&(amp|lt|gt|quot|#39);")))
            return false;
    }
    return text.find("]]>") == text.npos && text.find("\xef\xbf\xbf") == text.npos;
}

std::string replaced(std::string text, std::string const& what, std::string const& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

// Returns the text without escaped punctuation and without the markup of the report itself.
std::string without_our_marks(std::string_view line) {
    std::string left;
    for (std::size_t i = 0; i < line.size(); ++i)
        if (line[i] == '\\') ++i;
        else if (line.substr(i, 2) == "**") ++i;
        else if (line.substr(i, 4) == "<br>") i += 3;
        else left += line[i];
    return left;
}

// Which lines GitHub's runner takes for commands: "::name …::" at the beginning, or "##[name …]" anywhere, unless
// stopped.
struct runner {
    std::vector<std::string> commands;
    std::string token;

    void read(std::string const& output) {
        for (std::string line : lines(replaced(output, "\r", "\n"))) {
            line.erase(0, line.find_first_not_of(" \t"));
            std::string name;
            if (auto const end = line.find("::", 2); line.starts_with("::") && end != line.npos)
                name = line.substr(2, line.find_first_of(" :", 2) - 2);
            else if (auto const at = line.find("##["); at != line.npos && line.find(']', at) != line.npos)
                name = line.substr(at + 3, line.find_first_of(" ]", at) - at - 3);
            if (name.empty()) continue;
            if (!token.empty()) {
                if (name == token) token.clear();
                continue;
            }
            if (name == "stop-commands") token = line.substr(line.find("::", 2) + 2);
            else commands.push_back(name);
        }
    }
};

} // namespace

TEST_CASE("JUnit: failed and stale checks are failures, inconclusive checks are errors, and the counts agree") {
    std::string const text = as_junit(ordinary_gate());
    INFO(text);
    CHECK_THAT(text,
        ContainsSubstring(
            R"(<testsuite name="ci/gate.json" tests="8" failures="4" errors="1" time="10.500" skipped="0">)"));
    CHECK_THAT(text, ContainsSubstring(R"(<properties><property name="gate" value="ci/gate.json"/></properties>)"));
    CHECK_THAT(text,
        ContainsSubstring(R"(<testcase classname="lost-finish.drained" name="has a new violation" time="1.500">)"));
    CHECK_THAT(text,
        ContainsSubstring(
            R"x(<failure type="finish-event-lost" message="new: finish-event-lost in 2 of 3 executions (baseline: none)">ci/gate.json:30)x"));
    CHECK_THAT(text,
        ContainsSubstring("inside: request:1, begun at #4") &&
            ContainsSubstring("again: shutdown-repro replay findings/1.jsonl"));
    CHECK_THAT(text,
        ContainsSubstring(R"(<testcase classname="baseline" name="baseline entries without a check" time="0.000">)"));
    CHECK_THAT(text,
        ContainsSubstring(R"(<failure type="stale-baseline")") &&
            ContainsSubstring(R"(<error type="inconclusive" message="the server did not start">)"));
}

// The schemas: of our own, and the one that Jenkins publishes, when `./dev test` could get it.
void check_junit(std::string const& schema) {
    if (there_is_no("xmllint", "libxml2-utils")) return;
    folder here;
    here.write("ordinary.xml", as_junit(ordinary_gate()));
    here.write("hostile.xml", as_junit(hostile_gate()));
    here.write("empty.xml", as_junit({}));
    here.write("wrong.xml", replaced(as_junit(ordinary_gate()), "classname", "class"));
    for (char const* name : {"ordinary.xml", "hostile.xml", "empty.xml"}) {
        result const r = run_line("xmllint --noout --schema '" + schema + "' " + name, here.path());
        INFO(r.err.substr(0, 2000));
        CHECK(r.status == 0);
    }
    CHECK(
        run_line("xmllint --noout --schema '" + schema + "' wrong.xml", here.path()).status == 3); // it is well-formed
}

TEST_CASE("JUnit: a schema stricter than Jenkins' accepts the report, even with hostile names") {
    check_junit(TEST_DATA "/junit.xsd");
}

TEST_CASE("JUnit: the schema that Jenkins publishes accepts the report, even with hostile names") {
    std::string const published = PUBLISHED_SCHEMAS "/jenkins-junit.xsd";
    if (!std::filesystem::exists(published))
        return shutdown_repro::tests::skip(
            "Jenkins' schema is not there, so it has read no report (./dev test gets it from Debian's sources)");
    CHECK_THAT(slurp(published), ContainsSubstring("jenkins-ci.org"));
    check_junit(published);
}

TEST_CASE("JUnit: no name becomes markup, a control character or invalid UTF-8") {
    std::string const text = as_junit(hostile_gate());
    CHECK(harmless_xml(text));
    CHECK(text.find("<script") == text.npos);
    CHECK_THAT(text, ContainsSubstring("\\x1b[31mred") && ContainsSubstring("no UTF-8 \\xff\\xfe"));
    CHECK(text.size() < 4'000'000);
}

TEST_CASE("JUnit: a time has a decimal point in every locale") {
    struct comma : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
        std::string do_grouping() const override { return "\3"; }
    };
    std::locale const before = std::locale::global(std::locale(std::locale::classic(), new comma));
    std::string const text = as_junit(ordinary_gate());
    std::locale::global(before);
    CHECK_THAT(text, ContainsSubstring(R"(time="1.500")"));
}

TEST_CASE(
    "GitHub: each check that did not pass has an annotation at its line, from which the runner reads the same texts") {
    auto const all = lines(as_github(ordinary_gate()));
    REQUIRE(all.size() == 5);
    CHECK(all[0].starts_with("::error file=ci/gate.json,line=30,title=has a new violation%3A "
                             "failed::ci/gate.json:30%0Anew: finish-event-lost in 2 of 3"));
    CHECK_THAT(all[0], ContainsSubstring("%0A    again: shutdown-repro replay findings/1.jsonl"));
    CHECK_THAT(all[3], ContainsSubstring("title=unclear%3A inconclusive::"));
    CHECK_THAT(all[4],
        ContainsSubstring("::error file=ci/baseline.json,title=baseline entries without a check%3A "
                          "stale::ci/baseline.json%0Athe check"));
}

TEST_CASE("GitHub: names in annotations become neither commands nor properties") {
    std::string const text = as_github(hostile_gate());
    runner r;
    r.read(text);
    CHECK(r.commands.size() == lines(text).size());
    CHECK(std::count(r.commands.begin(), r.commands.end(), "error") == static_cast<std::ptrdiff_t>(r.commands.size()));
    for (std::string const& line : lines(text)) {
        std::string const properties = line.substr(0, line.find("::", 2));
        INFO(properties.substr(0, 300));
        CHECK(std::regex_match(properties.substr(0, 300), std::regex("::error (file=[^,:]*,(line=7,)?)?title=[^,:]*")) |
            (properties.size() > 300));
    }
}

TEST_CASE("GitHub: no text between the two stop commands is read as a command, even if it guesses their token") {
    std::string text;
    for (std::string const& a : attacks()) text += a + "\n";
    text += "::SHUTDOWN-REPRO-OUTPUT-1-ENDS::\n##[shutdown-repro-output-2-ends]\n::add-mask::x\n";
    runner r;
    r.read(without_github_commands(text) + "::notice::behind it\n");
    CHECK(r.commands == std::vector<std::string>{"notice"});
    CHECK(without_github_commands(text) == without_github_commands(text));
    CHECK_THAT(without_github_commands(text), ContainsSubstring("x\n::shutdown-repro-output-3-ends::\n"));
    CHECK(without_github_commands("no end") ==
        "::stop-commands::shutdown-repro-output-0-ends\nno end\n::shutdown-repro-output-0-ends::\n");
}

TEST_CASE(
    "the step summary is a table of limited size that begins with the failures and contains no markup of others") {
    std::string const plain = as_step_summary(ordinary_gate(), 1 << 20);
    INFO(plain);
    CHECK_THAT(plain, ContainsSubstring("### shutdown-repro gate: 3 checks passed, 5 not\n"));
    CHECK(plain.find("has a new violation") < plain.find("all clean"));
    CHECK_THAT(plain,
        ContainsSubstring("**finish-event-lost** 2 of 3\\:") || ContainsSubstring("**finish-event-lost** 2 of 3:"));

    std::string const hostile = as_step_summary(hostile_gate(), 1 << 20);
    CHECK(hostile.size() <= 1 << 20);
    for (std::string const& line : lines(hostile)) {
        if (!line.starts_with("| ")) continue;
        std::string const left = without_our_marks(line);
        INFO(line.substr(0, 300));
        CHECK(left.find_first_of("<>*[]`#!@$&_~\\") == left.npos);
        CHECK(std::count(left.begin(), left.end(), '|') == 5);
    }
    std::string const cut = as_step_summary(hostile_gate(), 30'000);
    CHECK(cut.size() <= 30'000);
    CHECK_THAT(cut, ContainsSubstring("further checks did not fit here"));
}

TEST_CASE("TAP: each check is a numbered test point with its place and its violations") {
    std::string const text = as_tap(ordinary_gate());
    INFO(text);
    CHECK(text.starts_with("TAP version 14\n1..8\nok 1 - all clean\n  ---\n"));
    CHECK_THAT(text,
        ContainsSubstring("not ok 3 - has a new violation\n  ---\n  message: \"new: finish-event-lost in 2 of 3 "
                          "executions (baseline: none)\"\n  severity: fail\n"));
    CHECK_THAT(text, ContainsSubstring("  at:\n    file: \"ci/gate.json\"\n    line: 30\n"));
}

TEST_CASE("TAP: with any names there is one test point per check, no directive, and every block ends") {
    std::string const text = as_tap(hostile_gate());
    std::size_t points = 0, blocks = 0;
    std::regex const point(R"((not )?ok (\d+) - (.*))"),
        inside(R"(  [a-z]+:( (\d+|[a-z]+|\||"([^"\\]|\\.)*"))?|    (file: |line: )("([^"\\]|\\.)*"|\d+))");
    bool in_block = false, in_literal = false;
    auto const all = lines(text);
    for (std::size_t i = 2; i < all.size(); ++i) {
        std::string const line = all[i].substr(0, 400); // the library's expressions recurse
        INFO(line);
        if (in_block) {
            if (line == "  ...") in_block = in_literal = false;
            else if (in_literal) CHECK(line.starts_with("    "));
            else if (line == "  told: |") in_literal = !all[i + 1].starts_with("     ");
            else if (all[i].size() < 400) CHECK(std::regex_match(line, inside));
            continue;
        }
        if (line == "  ---") {
            in_block = true;
            ++blocks;
            continue;
        }
        std::smatch m;
        if (i + 1 == all.size()) {
            CHECK(line.starts_with("Bail out! interrupted"));
            break;
        }
        REQUIRE(std::regex_match(line, m, point));
        CHECK(m[2] == std::to_string(++points));
        std::string const name = replaced(replaced(m[3], "\\\\", ""), "\\#", "");
        CHECK(name.find('#') == name.npos);
    }
    CHECK(points == hostile_gate().checks.size() + 1);
    CHECK(blocks == points);
}

TEST_CASE("TAP: Perl's harness, which reads version 13, counts passed and failed checks") {
    if (there_is_no("prove", "perl")) return;
    folder here;
    for (auto const& [gate, points] :
        {std::pair(ordinary_gate(), "Tests: 8 Failed: 5"), std::pair(hostile_gate(), "Tests: 93 Failed: 70")}) {
        here.write("gate.tap", replaced(as_tap(gate), "TAP version 14", "TAP version 13"));
        result const r = run_line("prove -e cat gate.tap", here.path());
        INFO(r.out << r.err);
        CHECK_THAT(r.out, ContainsSubstring(points));
        CHECK(r.out.find("Parse errors") == r.out.npos);
    }
}

TEST_CASE(
    "a report replaces an old file as a whole, leaves no temporary file, and follows links instead of replacing them") {
    folder here;
    std::string const path = here.write("report.xml", "something longer that was there before");
    write_report("--junit", path, "new");
    CHECK(here.read("report.xml") == "new");
    std::filesystem::create_symlink("report.xml", here.file("link.xml"));
    write_report("--junit", here.file("link.xml"), "through it");
    CHECK(here.read("report.xml") == "through it");
    CHECK(std::distance(std::filesystem::directory_iterator(here.path()), {}) == 2);
    append_report("GITHUB_STEP_SUMMARY", path, ", and more");
    CHECK(here.read("report.xml") == "through it, and more");
}

TEST_CASE("the error for a report that can't be written names the option, the file and the reason") {
    auto const complaint = [](auto const& act) -> std::string {
        try {
            act();
        } catch (repro::input_error const& e) { return e.what(); }
        return "none";
    };
    folder here;
    CHECK(complaint([] { write_report("--sarif", "/dev/full", "text"); }) ==
        "--sarif: cannot write /dev/full: No space left on device; choose another file");
    CHECK_THAT(complaint([&] { write_report("--junit", here.file("none/x.xml"), "text"); }),
        ContainsSubstring("--junit: cannot write ") && ContainsSubstring("No such file or directory"));
    CHECK_THAT(complaint([&] { expect_writable("--junit", here.file("none/x.xml")); }),
        ContainsSubstring("--junit: there is no folder ") && ContainsSubstring("/none; make it"));
    CHECK_THAT(complaint([&] { expect_writable("--junit", here.path()); }), ContainsSubstring("Is a directory"));
    CHECK(complaint([&] { expect_writable("--junit", "x.xml"); }) == "none");
}
