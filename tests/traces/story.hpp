// Builds a trace event by event for a test.
#pragma once
#include <cstdlib>
#include <string>
#include <vector>
#include "traces/format/jsonl.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

class story {
public:
    // Adds an event: kind, id, details, parent. For example tell("coroutine.spawn", "coroutine:1", {{"name",
    // "handler"}}, "scope:1")
    seq_t tell(std::string_view what, std::string_view id, std::initializer_list<field> detail = {},
        std::string_view parent = {}, std::string_view by = {}) {
        return tell_fields(what, id, {detail.begin(), detail.size()}, parent, by);
    }
    seq_t tell_fields(std::string_view what, std::string_view id, std::span<field const> detail,
        std::string_view parent = {}, std::string_view by = {}) {
        event e;
        e.seq = next_++;
        e.t = now;
        e.what = parse_kind(what).value();
        e.id = parse_ref(id).value();
        if (!parent.empty()) e.parent = parse_ref(parent).value();
        if (!by.empty()) e.by = parse_ref(by).value();
        e.because = because;
        e.detail = detail;
        told.append(e);
        return e.seq;
    }
    nanoseconds now = 0;
    std::vector<seq_t> because; // causes of the next event
    trace told;

private:
    seq_t next_ = 0;
};

inline void play(trace const& t, rule_run& run, bool complete = true) {
    for (event const& e : t.events) run.put(e);
    if (t.foot) run.on_footer(*t.foot);
    run.finish(complete);
}

// Returns "rule subject" for each violation, one per line, for comparisons in tests.
inline std::string told_by(std::vector<violation> const& found) {
    std::string out;
    for (violation const& v : found)
        out.append(out.empty() ? "" : "\n").append(v.rule).append(" ").append(to_string(v.subject));
    return out;
}
inline std::string judged(story const& s, bool complete = true) {
    rule_run run;
    play(s.told, run, complete);
    return told_by(run.violations());
}

} // namespace shutdown_repro::traces
