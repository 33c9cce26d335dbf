#include "repro/sim/replay.hpp"
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include "repro/input/errors.hpp"
#include "repro/input/located_json.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::repro {

namespace {

constexpr std::string_view format_name = "shutdown-repro/schedule";

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
    r.scenario = s->json().is_string() ? load_scenario(s->json().get<std::string>())
                                       : scenario_from_text(s->json().dump(), path + ", \"scenario\"");
    r.schedule = parse_schedule(when->text("a schedule, such as \"3=1,17=2\""));
    return r;
}

std::string line_of(traces::event const* e) {
    std::string line;
    if (e) write_event(line, *e);
    if (!line.empty()) line.pop_back();
    return line;
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
    traces::header const& head = r.recorded.head;
    if (head.world != "sim")
        throw input_error(path + ": only simulated executions can be replayed, but the world of this one is \"" +
            head.world + "\"; run its scenario again, or explore it");
    if (head.scenario.empty() || head.schedule.empty())
        throw input_error(path + ": the header has no scenario and schedule, so it can't be replayed");
    r.scenario = scenario_from_text(head.scenario, path + ", \"scenario\"");
    r.schedule = parse_schedule(head.schedule);
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
    if (before.empty()) {
        out.same = out.again.diverged.empty();
        out.decision = out.again.diverged;
        return out;
    }
    for (std::size_t i = 0; i < std::max(before.size(), now.size()); ++i) {
        traces::event const *a = i < before.size() ? &before[i] : nullptr, *b = i < now.size() ? &now[i] : nullptr;
        std::string const was = line_of(a), is = line_of(b);
        if (was == is) continue;
        out.same = false;
        out.at = (a ? a : b)->seq;
        out.recorded_line = was;
        out.again_line = is;
        out.decision = out.again.diverged.empty() ? decision_before(out.again.trace, i) : out.again.diverged;
        return out;
    }
    return out;
}

} // namespace shutdown_repro::repro
