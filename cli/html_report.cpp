#include "cli/html_report.hpp"
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include "cli/again.hpp"
#include "cli/report.hpp"
#include "repro/errors.hpp"
#include "traces/views/html.hpp"

namespace shutdown_repro::cli {
namespace {

namespace fs = std::filesystem;

void refuse_to_overwrite(std::string const& to, std::string const& trace) {
    std::error_code ignored;
    if (!trace.empty() && fs::equivalent(to, trace, ignored)) throw repro::input_error("--html: " + to + " is the trace itself; name another file");
}

void write_text(std::string const& to, std::string const& text) {
    errno = 0;
    std::ofstream file(to, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) throw repro::input_error("--html: can't write " + to + ": " + std::strerror(errno ? errno : EIO) + "; choose another file");
}

// What is said of it in one line each, under its title.
std::vector<std::pair<std::string, std::string>> facts_of(traces::trace const& t, judgement const& j) {
    std::string about = j.world.empty() ? "" : j.world + " · ";
    about += traces::counted(j.events, "event") + " · " + traces::duration(j.span) + (j.world == "sim" ? " virtual" : "");
    if (!t.head.tool.empty()) about += " · by " + t.head.tool;
    auto const [stop, free] = acts_of(t);
    std::size_t const idle = j.not_applicable.size();
    std::string rules = traces::counted(traces::all_rules().size() - idle, "rule") + " judged";
    if (idle) rules += ", " + std::to_string(idle) + " not applicable: ";
    for (auto const& skipped : j.not_applicable) rules += (&skipped == &j.not_applicable.front() ? "" : ", ") + std::string(skipped.rule->id) + " " + skipped.why;
    return {{"trace", about}, {"stop", stop}, {"free", free}, {"rules", rules}};
}

traces::html_side side_of(traces::trace const& t, judgement const& j, std::string const& path) {
    return {.trace = t, .violations = j.violations, .verdict = j.verdict, .problems = j.problems, .name = path == "-" ? "standard input" : path};
}

} // namespace

void write_html(std::string const& to, std::string const& path, traces::trace const& t, judgement const& j, std::string const& twin_path) {
    refuse_to_overwrite(to, path);
    refuse_to_overwrite(to, twin_path);
    std::optional<traces::trace> twin;
    judgement of_twin;
    if (!twin_path.empty()) {
        twin = traces::read_file(twin_path);
        of_twin = judge(*twin);
    }
    traces::html_page page{.title = j.scenario.empty() ? fs::path(path).filename().string() : j.scenario, .side = side_of(t, j, path)};
    if (twin) page.twin.emplace(side_of(*twin, of_twin, twin_path));
    page.again = again_line(t.head);
    page.facts = facts_of(t, j);
    write_text(to, as_html(page));
}

} // namespace shutdown_repro::cli
