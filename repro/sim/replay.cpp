#include "repro/sim/replay.hpp"
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include "repro/input/errors.hpp"
#include "repro/input/located_json.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::repro {

namespace {

constexpr std::string_view format_name = "shutdown-repro/schedule";

// Parses a schedule of a file. An error begins with `place`.
schedule schedule_in(std::string const& place, std::string_view text) {
    try {
        return parse_schedule(text);
    } catch (input_error const& e) { throw input_error(place + ": " + e.what(), e.exit_status); }
}

// Loads the scenario that a document names. An error names the document, unless it names a place in a file of its own.
scenario scenario_named(located_value const& v) {
    std::string const name = v.json().get<std::string>();
    try {
        return load_scenario(name);
    } catch (input_error const& e) {
        if (std::string_view(e.what()).starts_with(name)) throw;
        throw input_error(v.where() + ": " + e.what(), e.exit_status);
    }
}

recording from_document(std::string const& path) {
    located_document const document = located_document::read(path);
    located_value const root = document.root();
    root.check_object("a schedule, such as {\"format\": \"shutdown-repro/schedule\", …}");
    auto const format = root.find("format");
    if (!format || format->text("a format") != format_name)
        root.fail("is not a schedule: its \"format\" must be \"" + std::string(format_name) + "\"");
    auto const s = root.find("scenario"), when = root.find("schedule");
    if (!s) root.fail("has no \"scenario\"");
    if (!when) root.fail("has no \"schedule\"");
    recording r;
    r.scenario =
        s->json().is_string() ? scenario_named(*s) : scenario_from_text(s->json().dump(), path + ", \"scenario\"");
    std::string const& text = when->text("a schedule, such as \"3=1,17=2\"");
    r.schedule = schedule_in(when->where() + ": \"schedule\"", text);
    return r;
}

std::string line_of(traces::event const* e) {
    std::string line;
    if (e) write_event(line, *e);
    if (!line.empty()) line.pop_back();
    return line;
}

// Older versions did not record that a kill of ours is not the stop.
bool is_older_kill(std::string const& was, std::string is, traces::event const* now) {
    constexpr std::string_view added = ",\"stop\":false";
    std::size_t const at = is.find(added);
    if (!now || now->what != traces::kind::process_signal || at == is.npos) return false;
    return was == is.erase(at, added.size());
}

std::string line_of(std::optional<traces::footer> const& foot) {
    if (!foot) return std::string(traces::cut_short);
    std::string line;
    write_footer(line, *foot);
    line.pop_back();
    return line;
}

// The note is for people, and its words change with the version of the program.
bool same_outcome(std::optional<traces::footer> const& a, std::optional<traces::footer> const& b) {
    return a && b && a->events == b->events && a->dropped == b->dropped && a->exit_status == b->exit_status &&
        a->signal == b->signal && a->note.empty() == b->note.empty();
}

// Returns the latest decision at or before the event, such as "decision 17 (control:1: free is called)".
std::string decision_before(traces::trace const& t, std::size_t place) {
    for (std::size_t i = std::min(place + 1, t.events.size()); i-- > 0;) {
        traces::event const& e = t.events[i];
        if (e.what == traces::kind::decision)
            return "decision " + std::to_string(e.integer("number")) + " (" + to_string(e.id) + ": " +
                std::string(e.text("label")) + ")";
    }
    return "the beginning, before any decision";
}

} // namespace

recording load_recording(std::string const& path) {
    if (path.ends_with(".json")) return from_document(path);
    recording r;
    r.recorded = traces::read_file(path);
    r.is_trace = true;
    traces::header const& head = r.recorded.head;
    if (head.world != "sim")
        throw not_simulated(
            path + ": only simulated executions can be replayed, but the world of this one is \"" + head.world + "\"",
            head);
    if (head.scenario.empty() || head.schedule.empty())
        throw input_error(path + ": the header has no scenario and schedule, so it can't be replayed");
    r.scenario = scenario_from_text(head.scenario, path + ", \"scenario\"");
    r.schedule = schedule_in(path + ": \"schedule\" of the header", head.schedule);
    return r;
}

std::string schedule_document(scenario const& s, schedule const& when) {
    nlohmann::ordered_json j{{"format", format_name}, {"version", "1.0"}};
    j["scenario"] = nlohmann::ordered_json::parse(to_json_text(s));
    j["schedule"] = to_string(when);
    return j.dump(2) + "\n";
}

replay_result replay(recording const& r) {
    replay_result out;
    out.again = judge_execution(r.scenario, r.schedule);
    auto const &before = r.recorded.events, &now = out.again.trace.events;
    if (!r.is_trace) {
        out.same = out.again.diverged.empty();
        out.decision = out.again.diverged;
        return out;
    }
    for (std::size_t i = 0; i < std::max(before.size(), now.size()); ++i) {
        traces::event const *a = i < before.size() ? &before[i] : nullptr, *b = i < now.size() ? &now[i] : nullptr;
        std::string const was = line_of(a), is = line_of(b);
        if (was == is || is_older_kill(was, is, b)) continue;
        out.same = false;
        out.at = (a ? a : b)->seq;
        out.recorded_line = was;
        out.again_line = is;
        out.decision = out.again.diverged.empty() ? decision_before(out.again.trace, i) : out.again.diverged;
        return out;
    }
    if (same_outcome(r.recorded.foot, out.again.trace.foot)) return out;
    out.same = false;
    out.at = now.size();
    out.recorded_line = line_of(r.recorded.foot);
    out.again_line = line_of(out.again.trace.foot);
    out.decision = "the last event";
    return out;
}

} // namespace shutdown_repro::repro
