#include "cli/reports/publish.hpp"
#include <cstdlib>
#include <filesystem>
#include <functional>
#include "cli/reports/files.hpp"
#include "cli/reports/reports.hpp"
#include "repro/errors.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr char const* summary_variable = "GITHUB_STEP_SUMMARY";
constexpr std::size_t most_of_a_summary = 1 << 20; // of all that a step writes

std::filesystem::path resolved(std::string const& path) {
    std::error_code none;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, none), none);
}

void append_summary(repro::gate_result const& r) {
    char const* const path = std::getenv(summary_variable);
    if (!path || !*path) return;
    std::error_code none;
    std::uintmax_t const there = std::filesystem::file_size(path, none);
    std::size_t const room = most_of_a_summary - std::min<std::uintmax_t>(none ? 0 : there, most_of_a_summary);
    if (std::string const text = as_step_summary(r, room); text.size() <= room) append_report(summary_variable, path, text);
}

} // namespace

void add_report_options(CLI::App& sub, report_options& o) {
    sub.add_option("--junit", o.junit, "write the result as JUnit's XML, for Jenkins and GitLab")->type_name("FILE");
    sub.add_option("--sarif", o.sarif, "write it as SARIF 2.1.0")->type_name("FILE");
    sub.add_flag("--github", o.github, "print annotations for GitHub, and append to its step summary");
    sub.add_flag("--tap", o.tap, "print TAP 14 instead of text");
}

void expect_possible(report_options const& o, bool json) {
    if (json + o.github + o.tap > 1) throw repro::input_error("--json, --github and --tap all print on standard output; give one of them");
    if (!o.junit.empty() && !o.sarif.empty() && resolved(o.junit) == resolved(o.sarif))
        throw repro::input_error("--junit and --sarif name one file, " + o.sarif + ", which would hold one report; choose another");
    if (!o.junit.empty()) expect_writable("--junit", o.junit);
    if (!o.sarif.empty()) expect_writable("--sarif", o.sarif);
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
    if (!o.sarif.empty()) attempt([&] { write_report("--sarif", o.sarif, as_sarif(r, given)); });
    if (o.github) attempt([&] { append_summary(r); });
    out.print(o.tap ? as_tap(r) : o.github ? without_github_commands(text) + as_github(r) : text);
    return status;
}

} // namespace shutdown_repro::cli
