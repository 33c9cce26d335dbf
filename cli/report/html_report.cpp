#include "cli/report/html_report.hpp"
#include <filesystem>
#include <optional>
#include "cli/report/again.hpp"
#include "cli/report/judgement.hpp"
#include "cli/report/named_twin.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "traces/format/inputs.hpp"
#include "traces/page/page.hpp"

namespace shutdown_repro::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_events = 100'000;

struct judged_trace {
    std::string path;
    traces::trace trace;
    judgement judged;

    explicit judged_trace(std::string const& from)
        : path(from),
          trace(traces::read_file(from)),
          judged(judge_for_report(trace)) {
        if (trace.events.size() > most_events)
            throw repro::input_error("--html: " + path + " has " + std::to_string(trace.events.size()) +
                " events, but browsers can handle a page of at most " + std::to_string(most_events) +
                "; use --timeline instead");
    }
    traces::html_side side() const {
        return {.trace = trace,
            .violations = judged.violations,
            .verdict = judged.verdict,
            .problems = judged.problems,
            .name = path == "-" ? "standard input" : path};
    }
};

traces::html_fact judged_by(judgement const& j) {
    std::size_t const idle = j.not_applicable.size();
    traces::html_fact fact{
        .word = "rules", .sentence = traces::counted(traces::all_rules().size() - idle, "rule") + " judged"};
    if (idle) fact.sentence += ", " + std::to_string(idle) + " not applicable";
    fact.lead = "The trace lacks the events that these rules need:";
    for (auto const& skipped : j.not_applicable) fact.more.emplace_back(skipped.rule->id, skipped.lacks);
    return fact;
}

// Returns the facts shown under the title, one line each.
std::vector<traces::html_fact> facts_of(judged_trace const& t) {
    judgement const& j = t.judged;
    std::string about = j.world.empty() ? "" : j.world + " · ";
    about +=
        traces::counted(j.events, "event") + " · " + traces::duration(j.span) + (j.world == "sim" ? " virtual" : "");
    if (!t.trace.head.tool.empty()) about += " · by " + t.trace.head.tool;
    return {{"trace", about}, {"stop", j.stop}, {"free", j.free}, judged_by(j)};
}

} // namespace

std::string write_html(std::string const& file, std::string const& path, std::string const& asked_twin) {
    judged_trace const one(path);
    named_twin const named = twin_named_in(one.trace.head, path);
    std::string const twin = asked_twin.empty() ? named.path : asked_twin;
    traces::note_input(twin);
    expect_spared("--html", file);
    std::optional<judged_trace> other;
    if (!twin.empty()) other.emplace(twin);
    traces::html_page page{
        .title = one.judged.scenario.empty() ? fs::path(path).filename().string() : one.judged.scenario,
        .side = one.side()};
    if (other) page.twin.emplace(other->side());
    page.again = again_line(one.trace.head);
    page.facts = facts_of(one);
    if (!named.passes.empty()) page.facts.push_back({"passes", named.passes});
    write_report("--html", file, as_html(page));
    return traces::printable(page.title) + " · " + std::string(name_of(one.judged.verdict)) +
        (other ? " · beside " + other->path : "") + " · page " + file + "\n";
}

} // namespace shutdown_repro::cli
