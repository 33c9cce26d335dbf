// Shared by the tests of probes: facts about requests and the exit in a trace, and a check that no process is left.
#pragma once
#include <algorithm>
#include <string>
#include <unistd.h>
#include "repro/probe/probe.hpp"
#include "repro/watch/process_table.hpp"
#include "traces/rules/judge.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro {

struct probe_facts {
    int answered = 0, lost = 0, left_open = 0, closed = 0; // after the stop; clients of the probe only
    bool stopped = false, killed = false, orphan = false, listening = false;
    std::string end; // "status 0", "SIGSEGV"
    std::string note;
    std::string said; // by the server
};

inline probe_facts facts_of(traces::trace const& t) {
    using traces::kind;
    probe_facts f;
    std::vector<traces::ref> others; // clients that should be refused
    for (traces::event const& e : t.events) {
        if (e.what == kind::client_connect && (e.text("role") == "readiness" || e.text("role") == "late"))
            others.push_back(e.id);
        if (std::ranges::count(others, e.id)) continue;
        if (e.what == kind::act_stop || (e.what == kind::process_signal && e.integer("stop"))) f.stopped = true;
        if (e.what == kind::process_signal && e.text("signal") == "SIGKILL") f.killed = true;
        if (e.what == kind::process_orphan) f.orphan = true;
        if (e.what == kind::process_port) f.listening = e.integer("listening");
        if (e.what == kind::process_exit && e.id.number == 1)
            f.end = e.text("signal").empty() ? "status " + std::to_string(e.integer("status"))
                                             : std::string(e.text("signal"));
        if (e.what == kind::process_stderr) f.said += std::string(e.text("text")) + "\n";
        if (!f.stopped) continue;
        f.answered += e.what == kind::client_done;
        f.lost += e.what == kind::client_fail;
        f.left_open += e.what == kind::client_open;
        f.closed += e.what == kind::client_closed;
    }
    if (t.foot) f.note = t.foot->note;
    return f;
}

inline bool breaks(traces::trace const& t, std::string_view rule) {
    return std::ranges::any_of(traces::judge(t).violations, [&](auto const& v) { return v.rule == rule; });
}

// Returns a trace that `execute` makes, of up to five executions the first in which this machine was not too busy. The
// last one is returned when it always was, so that what expects no note fails.
template <typename execution> traces::trace when_not_busy(execution const& execute) {
    for (int more = 4;; --more) {
        traces::trace t = execute();
        if (!more || !t.foot || t.foot->note.find("this machine is busy") == std::string::npos) return t;
    }
}

// Returns whether this process has no child left, running or zombie.
inline bool nobody_left() { return repro::children_of(getpid()).empty(); }

} // namespace shutdown_repro
