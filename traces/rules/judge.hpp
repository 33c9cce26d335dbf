// The judge of a trace: all rules over its events, whether it was seen to its end, and the verdict that follows. Every
// subcommand that judges a trace uses it.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

struct judgement {
    traces::verdict verdict = traces::verdict::inconclusive;
    std::vector<violation> violations; // as in rule_run
    std::vector<rule_run::skipped> not_applicable;
    std::vector<std::string> problems; // why the trace is incomplete; empty if it is complete
};

// Judges a trace while it is read or recorded.
class judge_run final : public reader_events {
public:
    void on_header(header const&) override;
    void on_event(event const& e) override { rules_.put(e); }
    void on_footer(footer const&) override;
    // Call once, after the last event and the footer. `problems`: what the reader or the recorder found wrong.
    judgement result(std::vector<std::string> problems);
    rule_run const& rules() const { return rules_; } // so far

private:
    rule_run rules_;
    std::optional<footer> foot_;
};

judgement judge(trace const&);

} // namespace shutdown_repro::traces
