#include "cli/report/again.hpp"
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/probe/probe.hpp"
#include "repro/scenario/scenario.hpp"
#include "repro/target/target.hpp"

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
    std::vector<std::string> words{s.name};
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

// `echo` of some shells replaces what follows a backslash.
std::string piped(std::string const& document, std::string const& line) {
    return document.empty() ? line : shell_line({"printf", "%s", document}) + " | " + line;
}

// Returns the words of an array; nothing when it is no array of texts.
std::optional<std::vector<std::string>> words_in(json const& object, char const* key) {
    auto const found = object.find(key);
    if (found == object.end() || !found->is_array()) return std::nullopt;
    std::vector<std::string> words;
    for (json const& word : *found) {
        if (!word.is_string()) return std::nullopt;
        words.push_back(word.get<std::string>());
    }
    return words;
}

std::string text_field(json const& object, char const* key) {
    auto const found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The arguments for a trace of an earlier version, which names no more than command, signal and probe; nothing when
// more is needed.
std::optional<std::vector<std::string>> guessed_arguments(json const& target) {
    auto const command = words_in(target, "command");
    if (!command || command->empty()) return std::nullopt;
    std::string const probe = text_field(target, "probe"), stop = text_field(target, "stop");
    auto const& all = repro::preset_targets();
    auto const preset = std::ranges::find(all, text_field(target, "name"), &repro::target::name);
    bool const same = preset != all.end() && preset->command == *command;
    std::vector<std::string> words;
    if (same) words = {"--target", preset->name};
    if (!probe.empty()) words.insert(words.end(), {"--probe", probe});
    if (same) return words;
    bool const known = std::ranges::count(repro::all_probes(), probe, &repro::probe_info::name) > 0;
    if (!known || !repro::why_not(repro::target_from_command(*command), probe).empty()) return std::nullopt;
    if (stop.starts_with("SIG")) words.insert(words.end(), {"--signal", stop});
    words.emplace_back("--");
    words.insert(words.end(), command->begin(), command->end());
    return words;
}

std::string again_for_target(std::string const& text) {
    json const target = json::parse(text, nullptr, false);
    if (!target.is_object()) return {};
    auto words = target.contains("arguments") ? words_in(target, "arguments") : guessed_arguments(target);
    if (!words) return {};
    auto const dashes = std::ranges::find(*words, "--");
    auto const option = std::find(words->begin(), dashes, "--target");
    bool const named = option != dashes && option + 1 != dashes;
    bool const from_file = named && repro::is_target_file(*(option + 1)) && target.contains("file");
    if (from_file) *(option + 1) = "/dev/stdin";
    return piped(from_file ? target["file"].dump() : "", run_line_of(*words));
}

} // namespace

std::string run_line_of(std::vector<std::string> const& arguments) {
    std::vector<std::string> words{"shutdown-repro", "run"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return shell_line(words);
}

std::string again_line(traces::header const& h) {
    auto const s = scenario_in(h);
    if (!s) return again_for_target(h.target);
    auto const named = by_name(*s);
    std::vector<std::string> words = named ? *named : std::vector<std::string>{"/dev/stdin"};
    if (h.world == "sim") words.insert(words.end(), {"--world", "sim"});
    if (!h.schedule.empty() && h.schedule != "default") words.insert(words.end(), {"--schedule", h.schedule});
    return piped(named ? "" : by_document(*s), run_line_of(words));
}

repro::recording recording_in(std::string const& path) {
    try {
        return repro::load_recording(path);
    } catch (repro::not_simulated const& e) {
        traces::header simulated = e.head;
        simulated.world = "sim";
        simulated.schedule.clear();
        bool const is_scenario = scenario_in(e.head).has_value();
        std::string const again = again_line(simulated),
                          name = std::filesystem::path(path).stem().string() + "-sim.jsonl";
        throw repro::input_error(std::string(e.what()) +
                (again.empty() ? std::string("; run it again")
                        : is_scenario
                        ? "; record a simulated one, and replay that: " + again + " --trace " + shell_line({name})
                        : "; a real server can be run again: " + again),
            e.exit_status);
    }
}

} // namespace shutdown_repro::cli
