#include "traces/rules/judge.hpp"

namespace shutdown_repro::traces {
namespace {

// "" when the trace was seen to its end: it has a footer, nothing was dropped, and nothing else was wrong.
std::string why_incomplete(std::vector<std::string> const& problems, std::optional<footer> const& foot) {
    if (!problems.empty()) return problems.front();
    if (!foot) return std::string(cut_short);
    if (foot->dropped) return std::to_string(foot->dropped) + " events were dropped";
    return foot->note;
}

} // namespace

void judge_run::on_header(header const& h) { rules_.on_header(h); }

void judge_run::on_footer(footer const& f) {
    foot_ = f;
    rules_.on_footer(f);
}

judgement judge_run::result(std::vector<std::string> problems) {
    judgement j;
    j.problems = std::move(problems);
    if (std::string why = why_incomplete(j.problems, foot_); !why.empty() && j.problems.empty())
        j.problems.push_back(std::move(why));
    bool const complete = j.problems.empty();
    rules_.finish(complete);
    j.violations = rules_.violations();
    j.not_applicable = rules_.not_applicable();
    j.verdict = verdict_of(j.violations, complete);
    return j;
}

judgement judge(trace const& t) {
    judge_run run;
    run.on_header(t.head);
    for (event const& e : t.events) run.on_event(e);
    if (t.foot) run.on_footer(*t.foot);
    return run.result(t.problems);
}

} // namespace shutdown_repro::traces
