#include "cli/ci/publish.hpp"
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include "cli/ci/reports.hpp"
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "traces/format/inputs.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr char const* summary_variable = "GITHUB_STEP_SUMMARY";
constexpr std::size_t most_of_a_summary = 1 << 20; // of all that a step writes

std::filesystem::path resolved(std::string const& path) {
    std::error_code none;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, none), none);
}

// Returns the line number in an error such as "gate.json:14: …", or 0.
std::uint32_t line_named(std::string const& why, std::string const& file) {
    std::uint32_t line = 0;
    if (!file.empty() && why.starts_with(file + ":"))
        std::from_chars(why.data() + file.size() + 1, why.data() + why.size(), line);
    return line;
}

// When a gate can't be read, it is not known which files it would read. So only an earlier report is replaced.
bool can_be_replaced(std::string const& path) {
    std::ifstream file(path);
    std::string begin(60, '\0');
    begin.resize(static_cast<std::size_t>(file.read(begin.data(), 60).gcount()));
    return !file.is_open() || begin.empty() || begin.starts_with("<?xml") || begin.find("sarif") != begin.npos;
}

// Makes a path relative to the top of the repository, where readers of annotations and SARIF look for files. The
// current folder may be another one.
std::string from_the_top(std::string const& path) {
    if (path.empty()) return path;
    namespace fs = std::filesystem;
    char const* const workspace = std::getenv("GITHUB_WORKSPACE");
    fs::path const top = resolved(workspace && *workspace ? workspace : "."),
                   whole = resolved(fs::absolute(path).parent_path()) / fs::path(path).filename();
    fs::path const below = whole.lexically_relative(top);
    return below.empty() || *below.begin() == ".." ? whole.string() : below.string();
}

repro::gate_result from_the_top(repro::gate_result r) {
    for (repro::check_result& c : r.checks) {
        c.file = from_the_top(c.file);
        for (repro::gate_violation& v : c.violations) v.trace = from_the_top(v.trace);
    }
    r.baseline = from_the_top(r.baseline);
    return r;
}

void append_summary(repro::gate_result const& r) {
    char const* const path = std::getenv(summary_variable);
    if (!path || !*path) return;
    std::error_code none;
    std::uintmax_t const there = std::filesystem::file_size(path, none);
    std::size_t const room = most_of_a_summary - std::min<std::uintmax_t>(none ? 0 : there, most_of_a_summary);
    if (std::string const text = as_step_summary(r, room); text.size() <= room)
        append_report(summary_variable, path, text);
}

} // namespace

void add_report_options(CLI::App& sub, report_options& o) {
    sub.add_option("--junit", o.junit, "Write a report as JUnit XML, for Jenkins and GitLab")->type_name("FILE");
    sub.add_option("--sarif", o.sarif, "Write a report as SARIF 2.1.0")->type_name("FILE");
    sub.add_flag("--github", o.github, "Print annotations for GitHub and append to its step summary");
    sub.add_flag("--tap", o.tap, "Print TAP 14 instead of text");
}

void expect_possible(report_options const& o, bool json) {
    if (json + o.github + o.tap > 1)
        throw repro::input_error("--json, --github and --tap all print on standard output; give only one of them");
    if (!o.junit.empty() && !o.sarif.empty() && resolved(o.junit) == resolved(o.sarif))
        throw repro::input_error(
            "--junit and --sarif name the same file, " + o.sarif + "; choose another for one of them");
    if (!o.junit.empty()) expect_writable("--junit", o.junit);
    if (!o.sarif.empty()) expect_writable("--sarif", o.sarif);
}

void expect_spared(report_options const& o, std::vector<std::string> const& paths) {
    for (std::string const& path : paths) traces::note_input(path);
    if (!o.junit.empty()) expect_spared("--junit", o.junit);
    if (!o.sarif.empty()) expect_spared("--sarif", o.sarif);
}

void publish_failure(report_options const& o, std::string const& file, std::string const& why, output& out) {
    report_options where = o;
    for (std::string* const path : {&where.junit, &where.sarif})
        if (!can_be_replaced(*path)) path->clear();
    if (where.junit.empty() && where.sarif.empty() && !o.github && !o.tap) return;
    repro::gate_result r;
    repro::check_result& c = r.checks.emplace_back();
    c.name = "the gate can be run";
    c.scenario = "gate";
    c.file = r.file = file;
    c.line = line_named(why, file);
    c.why = {why};
    publish(where, r, "", repro::bad_input, out);
}

int publish(report_options const& o, repro::gate_result const& r, std::string const& text, int status, output& out) {
    int const given = status;
    auto const attempt = [&](std::function<void()> const& write) {
        try {
            write();
        } catch (repro::input_error const& e) {
            complain(e.what(), 0);
            if (status == repro::clean) status = e.exit_status;
        }
    };
    if (!o.junit.empty()) attempt([&] { write_report("--junit", o.junit, as_junit(r)); });
    if (!o.sarif.empty()) attempt([&] { write_report("--sarif", o.sarif, as_sarif(from_the_top(r), given)); });
    if (o.github) attempt([&] { append_summary(r); });
    out.print(o.tap ? as_tap(r) : o.github ? without_github_commands(text) + as_github(from_the_top(r)) : text);
    return status;
}

} // namespace shutdown_repro::cli
