#include "cli/report/again.hpp"
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/scenario/scenario.hpp"

namespace shutdown_repro::cli {
namespace {

using json = nlohmann::ordered_json;

std::optional<repro::scenario> scenario_in(traces::header const& h) {
    try {
        return repro::scenario_from_text(h.scenario, "the trace's header");
    } catch (repro::input_error const&) {
        return std::nullopt; // written by another program, or one that `run` refuses
    }
}

// Returns the fields in which the scenario differs from another one.
json differences(repro::scenario const& s, repro::scenario const& from) {
    json const ours = json::parse(to_json_text(s)), theirs = json::parse(to_json_text(from));
    json out = json::object();
    for (auto const& [key, value] : ours.items())
        if (!theirs.contains(key) || theirs[key] != value) out[key] = value;
    return out;
}

// Returns the words that run a built-in scenario with its changed fields, or nothing when --set can't express the
// changes.
std::optional<std::vector<std::string>> by_name(repro::scenario const& s) {
    auto const all = repro::builtin_scenarios();
    auto const named =
        std::find_if(all.begin(), all.end(), [&s](repro::scenario const& b) { return b.name == s.name; });
    if (named == all.end()) return std::nullopt;
    std::vector<std::string> words{"shutdown-repro", "run", s.name};
    json const changed = differences(s, *named);
    for (auto const& [key, value] : changed.items()) {
        if (value.is_structured() || value.is_null()) return std::nullopt;
        words.insert(words.end(), {"--set", key + "=" + (value.is_string() ? value.get<std::string>() : value.dump())});
    }
    return words;
}

// Returns the document of the scenario without default values.
std::string by_document(repro::scenario const& s) {
    repro::scenario plain;
    plain.server = repro::default_config(s.kind());
    json document{{"scenario", s.name}};
    if (s.kind() != server::server_kind::scoped) document["server"] = server::word_of(s.kind());
    document.update(differences(s, plain));
    return document.dump();
}

} // namespace

std::string again_line(traces::header const& h) {
    auto const s = scenario_in(h);
    if (!s) return {};
    auto const named = by_name(*s);
    std::vector<std::string> words = named ? *named : std::vector<std::string>{"shutdown-repro", "run", "/dev/stdin"};
    if (h.world == "sim") words.insert(words.end(), {"--world", "sim"});
    if (!h.schedule.empty() && h.schedule != "default") words.insert(words.end(), {"--schedule", h.schedule});
    return (named ? "" : shell_line({"echo", by_document(*s)}) + " | ") + shell_line(words);
}

} // namespace shutdown_repro::cli
