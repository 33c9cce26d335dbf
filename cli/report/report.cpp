#include "cli/report/report.hpp"
#include <algorithm>
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {

using traces::verdict;

int severity_of(verdict v) { return v == verdict::violated ? 2 : v == verdict::inconclusive ? 1 : 0; }

std::string broken_rules(judgement const& j) {
    std::string out;
    for (traces::violation const& v : j.violations)
        if (v.level != traces::severity::note && out.find(v.rule) == out.npos)
            out.append(out.empty() ? "" : ", ").append(v.rule);
    return out;
}

std::string server_in_words(repro::scenario const& s) {
    if (s.kind() == server::server_kind::scopes) return "scopes alone";
    return std::string(server::word_of(s.kind())) + " server, " + std::string(policy_of(s));
}

std::string load_in_words(repro::scenario const& s) {
    return s.kind() == server::server_kind::scopes ? traces::counted(s.cell().acts.size(), "handler")
                                                   : traces::counted(requests_of(s), "request");
}

void run_report::add(traces::trace&& t, judgement&& j, std::string its_schedule) {
    ++executions;
    bool const worse = severity_of(j.verdict) > severity_of(judged.verdict);
    violated += j.verdict == verdict::violated;
    inconclusive += j.verdict == verdict::inconclusive;
    std::vector<std::string_view> broken;
    for (traces::violation const& v : j.violations)
        if (std::find(broken.begin(), broken.end(), v.rule) == broken.end()) broken.push_back(v.rule);
    for (std::string_view rule : broken) {
        auto const row =
            std::find_if(by_rule.begin(), by_rule.end(), [rule](auto const& r) { return r.first == rule; });
        row == by_rule.end() ? void(by_rule.emplace_back(rule, 1)) : void(++row->second);
    }
    if (executions > 1 && !worse) return;
    trace = std::move(t);
    judged = std::move(j);
    schedule = std::move(its_schedule);
}

verdict run_report::verdict() const {
    return violated ? verdict::violated : inconclusive ? verdict::inconclusive : verdict::clean;
}

verdict verdict_of(std::vector<trace_judgement> const& all) {
    auto const any = [&](verdict v) {
        return std::any_of(all.begin(), all.end(), [v](auto const& c) { return c.judged.verdict == v; });
    };
    return any(verdict::violated)    ? verdict::violated
        : any(verdict::inconclusive) ? verdict::inconclusive
                                     : verdict::clean;
}

int status_of(verdict v) {
    switch (v) {
    case verdict::clean: return repro::clean;
    case verdict::violated: return repro::violated;
    case verdict::inconclusive: break;
    }
    return repro::inconclusive;
}

} // namespace shutdown_repro::cli
