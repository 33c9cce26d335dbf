// The report of `run --target`: one row for each probe of a real server.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "cli/report/judgement.hpp"
#include "repro/probe/controls.hpp"
#include "repro/probe/probe.hpp"
#include "repro/probe/startup.hpp"
#include "repro/target/target.hpp"
#include "traces/phrases/text.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// The outcome of one trace for the server and its clients. Requests count if they were open at the stop or came after
// it. A request that was sent after the stop, on a connection that came later or was kept, and not answered, or
// answered with 503 and Connection: close, is turned away: nobody owed it an answer.
struct probe_outcome {
    std::uint64_t answered = 0, lost = 0, turned_away = 0;
    std::uint64_t clients = 0;                      // that came before the stop
    std::uint64_t connected = 0;                    // those of them that were connected by then
    std::optional<traces::nanoseconds> ended_after; // time from the stop to the exit; nothing without a stop or an exit
    bool killed = false;                            // whether it was killed after the grace period
    std::string how_ended;                          // "status 0", "SIGSEGV"
    std::int64_t workers = 1;
    std::string signal;                              // the signal that stopped it
    std::string act;                                 // an act other than a stop: "reload"; "" for a stop
    std::optional<traces::nanoseconds> effect_after; // time from that act to its effect
    std::uint64_t refused = 0;                       // connections that were refused during that act
    std::vector<std::string> last_words;             // the last lines of its output
};
probe_outcome outcome_of(traces::trace const&);

struct probe_result {
    std::string probe;
    repro::probe_grade grade = repro::probe_grade::usual;
    bool counts = true;  // whether the verdict of the whole report depends on it
    std::string skipped; // why it was not run; "" when it was
    std::uint64_t runs = 0, violated = 0, inconclusive = 0;
    std::vector<std::pair<std::string, std::uint64_t>> by_rule; // number of runs that violated each rule
    std::uint64_t answered = 0, lost = 0, turned_away = 0;      // sums over all runs
    traces::trace trace;                                        // the first of the worst
    judgement judged;
    probe_outcome outcome;                    // of that one
    std::vector<repro::tried_moment> moments; // of its start, of that one
    std::string failure;                      // why the first of those that could not be run could not
    std::string trace_path, again;

    void add(traces::trace&&);
    void add_failure(std::string why); // adds a run that could not be started
    traces::verdict verdict() const;
    std::string trouble() const; // why a run is inconclusive; "" if none is
};

// Writes the trace to `path`. A failure is an error only when the user asked for the file; otherwise it is a note on
// standard error.
void keep_trace(probe_result&, std::string const& path, bool asked);

struct target_report {
    repro::target target;
    std::string version; // "" when not known
    std::uint32_t connections = 0, repeat = 1;
    std::optional<repro::target_controls> controls;
    std::vector<probe_result> probes; // for a program: one for each order
    std::optional<bool> all_orders;   // whether every order was run; nothing if that was not asked for
    std::string cut;                  // why not all stops of a sweep were tried; "" when all were

    traces::verdict verdict() const;
    std::uint64_t executions() const;
};

std::string as_text(target_report const&, traces::text_style);
std::string as_json(target_report const&); // in report_json.cpp

} // namespace shutdown_repro::cli
