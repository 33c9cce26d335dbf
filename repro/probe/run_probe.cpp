// A probe of a target: one execution, and others where it has to be compared or may have missed something.
#include <algorithm>
#include <optional>
#include "repro/input/errors.hpp"
#include "repro/probe/compare.hpp"
#include "repro/probe/probe_run.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::repro {

using traces::kind;

namespace {

constexpr int most_more = 2; // executions after one that may have missed something

// Counts the requests in flight at the stop that were kept and lost.
probe_run::control kept_and_lost(traces::trace const& t) {
    probe_run::control c;
    std::vector<traces::ref> in_flight;
    bool stopped = false;
    for (traces::event const& e : t.events) {
        stopped = stopped || e.what == kind::act_stop || (e.what == kind::process_signal && e.integer("stop"));
        if (e.what == kind::client_connect && e.text("role").ends_with("in-flight")) in_flight.push_back(e.id);
        if (!stopped || !std::ranges::count(in_flight, e.id)) continue;
        c.kept += e.what == kind::client_done;
        c.lost += e.what == kind::client_fail && e.text("how") != "unreadable";
    }
    return c;
}

} // namespace

traces::trace run_probe(target const& t, std::string_view probe, probe_options const& options) {
    if (std::string const why = why_not(t, probe); !why.empty())
        throw input_error("--probe " + std::string(probe) + ": " + t.name + ": " + why);
    if (probe == "startup") return run_startup(t, options);
    std::optional<probe_run::control> control;
    std::string why_no_control;
    if (probe == "wrong-signal") {
        traces::trace const right = probe_run(t, "in-flight", options).run();
        if (right.problems.empty()) control = kept_and_lost(right);
        else why_no_control = right.problems.front();
    }
    auto const execute = [&](bool& saw_all) {
        probe_run run(t, probe, options);
        run.instead = control;
        run.why_no_control = why_no_control;
        traces::trace seen = run.run();
        saw_all = run.saw_all();
        return seen;
    };
    bool saw_all = true;
    traces::trace seen = execute(saw_all);
    for (int more = most_more; more && !saw_all; --more) {
        traces::trace again = execute(saw_all);
        bool const worse = traces::judge(seen).verdict == traces::verdict::violated &&
            traces::judge(again).verdict != traces::verdict::violated;
        if (!worse) seen = std::move(again);
    }
    compare_with_another(seen, t, probe, options);
    return seen;
}

} // namespace shutdown_repro::repro
