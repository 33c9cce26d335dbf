#include "cli/commands/replay_steered.hpp"
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include "cli/commands/run_target.hpp"
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "cli/terminal/files.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/steer/act_choice.hpp"
#include "repro/steer/compare_steps.hpp"
#include "repro/steer/exactness.hpp"
#include "repro/steer/steered_run.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

using json = nlohmann::ordered_json;

// The description of the target in the header; null if there is none.
json described_target(traces::trace const& t) {
    return t.head.target.empty() ? json() : json::parse(t.head.target, nullptr, false);
}

std::vector<std::string> recorded_arguments(json const& described) {
    std::vector<std::string> words;
    if (auto const it = described.find("arguments"); it != described.end() && it->is_array())
        for (json const& word : *it)
            if (word.is_string()) words.push_back(word.get<std::string>());
    return words;
}

// Reads the arguments of `run` that the header has.
target_options options_in(std::vector<std::string> const& words, std::string const& path) {
    target_options o;
    o.steer = true;
    auto at = words.begin();
    auto const value = [&] { return ++at == words.end() ? std::string() : *at; };
    for (; at != words.end(); ++at) {
        if (*at == "--") {
            o.command.assign(at + 1, words.end());
            break;
        }
        if (*at == "--target") o.what = value();
        else if (*at == "--slow") o.slow = value();
        else if (*at == "--signal") o.signal = value();
        else if (*at == "--stop-at") o.stop_at = value();
        else if (*at == "--schedule") o.schedule = value();
        else if (*at == "--grace") o.grace_ms = std::stoll("0" + value());
        else if (*at == "--stop-first") o.stop_first = true;
        else if (*at != "--steer")
            throw repro::input_error(path + " was recorded with " + *at +
                ", which replay does not take; run it again: " + shell_line({"shutdown-repro", "run"}) + " " +
                shell_line(words));
    }
    return o;
}

std::string either(std::string const& step) { return step.empty() ? "(no further step)" : step; }

std::string both_steps(repro::steer::step_difference const& d) {
    return "  recorded  " + either(d.recorded) + "\n  now       " + either(d.again) + "\n";
}

} // namespace

// Reads the first line only, and nothing of a pipe, which could not be read again.
bool is_steered_trace(std::string const& path) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) return false;
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    json const header = json::parse(line, nullptr, false);
    if (!header.is_object() || !header.contains("target")) return false;
    return header["target"].is_object() && header["target"].contains("steered");
}

int replay_steered(std::string const& path, std::string const& new_trace, bool as_document, output& out) {
    traces::trace const recorded = traces::read_file(path);
    target_options const o = options_in(recorded_arguments(described_target(recorded)), path);
    repro::target const t = target_chosen_by(o);
    if (!new_trace.empty()) expect_spared("--trace", new_trace);
    target_report report;
    report.target = t;
    report.connections = 2;
    probe_result& p = report.probes.emplace_back();
    p.probe = o.stop_at.empty() ? "steered" : o.stop_at;
    p.again = shell_line({"shutdown-repro", "replay", path});
    repro::steer::follow_acts by_names(repro::steer::parse_act_order(o.schedule));
    p.add(repro::steer::run_steered(t,
        {.stop_at = o.stop_at,
            .stop_first = o.stop_first,
            .chooser = o.schedule.empty() ? nullptr : &by_names,
            .arguments = run_arguments(o, {})}));
    if (std::string const why = by_names.trouble(); !why.empty())
        throw repro::input_error("the replay diverged: " + why, repro::diverged);
    if (!new_trace.empty()) write_trace(p.trace_path = new_trace, p.trace, named_by::user);
    if (auto const d = repro::steer::difference_by_connection(recorded, p.trace)) {
        if (!as_document) out.print(both_steps(*d));
        throw repro::input_error(
            "the replay diverged in the steps of " + d->of + ", at " + either(d->recorded), repro::diverged);
    }
    traces::verdict const before = traces::judge(recorded).verdict;
    if (before != p.verdict())
        throw repro::input_error("the replay has the same steps on each connection, but another verdict: " +
                std::string(name_of(p.verdict())) + ", recorded was " + std::string(name_of(before)),
            repro::diverged);
    auto const order = repro::steer::difference_in_all(recorded, p.trace);
    std::string const same = order
        ? "replayed: the same steps on each connection, in another order among them, from " + either(order->recorded) +
            "\n"
        : "replayed: all " + traces::counted(repro::steer::named_steps(p.trace).size(), "step") + " are the same\n";
    out.print(as_document ? as_json(report) : same + as_text(report, out.page()));
    return status_of(report.verdict());
}

} // namespace shutdown_repro::cli
