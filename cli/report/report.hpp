// The reports of `run` and `check`, as text for people and as one JSON document for programs.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>
#include "cli/report/judgement.hpp"
#include "cli/terminal/output.hpp"
#include "repro/scenario/scenario.hpp"
#include "server_under_test/worlds/world_kind.hpp"
#include "traces/phrases/text.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// Executions of one scenario. The details are those of the first violating one, else the first inconclusive one, else
// the first.
struct run_report {
    repro::scenario scenario;
    server::world_kind world = server::world_kind::live;
    std::uint64_t executions = 0, violated = 0, inconclusive = 0;
    std::vector<std::pair<std::string, std::uint64_t>> by_rule; // number of executions that violated each rule
    traces::trace trace;
    judgement judged;       // of that one
    std::string schedule;   // of that one; "" when the world has none
    std::string trace_path; // path of the kept trace; "" if not kept
    struct order {
        std::string schedule;
        traces::verdict verdict;
        std::string rules;
    };
    std::vector<order> orders; // every order, with --all-orders
    std::string again, fixed;  // command lines; "" for none

    void add(traces::trace&&, judgement&&, std::string schedule);
    traces::verdict verdict() const;
};

struct trace_judgement {
    std::string path;
    judgement judged;
};

// Of the scenario's server, whichever it is.
std::string broken_rules(judgement const&);          // "finish-event-lost, timer-lost"; without notes
std::string server_in_words(repro::scenario const&); // "scoped server, drained"
std::string load_in_words(repro::scenario const&);   // "2 requests", "3 handlers"

std::string as_text(run_report const&, traces::text_style);
std::string as_json(run_report const&);
std::string as_text(std::vector<trace_judgement> const&, traces::text_style);
std::string as_json(std::vector<trace_judgement> const&);
// Calls `it`. With `json`, an error also prints a document with the verdict "error" on standard output. Rethrows the
// error.
int reporting_errors(bool json, output&, std::function<int()> const& it);

traces::verdict verdict_of(std::vector<trace_judgement> const&);
int severity_of(traces::verdict); // 0 clean, 1 inconclusive, 2 violated
int status_of(traces::verdict);

// Returns each violation with the live members of its scope; for an inconclusive trace also the reasons.
std::string violations_as_text(judgement const&, traces::text_style);

// One line: a command to type next, after the word that says what it is for; "" when there is none.
std::string next_command(std::string_view word, std::string_view command, traces::text_style);

// Returns when and by whom stop and free were called, one line each.
std::string acts_as_text(judgement const&, traces::text_style);

} // namespace shutdown_repro::cli
