#include "cli/report/markdown_report.hpp"
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "cli/report/again.hpp"
#include "cli/report/judgement.hpp"
#include "cli/report/named_twin.hpp"
#include "repro/input/errors.hpp"
#include "repro/target/target.hpp"
#include "traces/markdown/bug_report.hpp"

namespace shutdown_repro::cli {
namespace {

using json = nlohmann::ordered_json;

json document_of(std::string const& text) {
    json const document = json::parse(text, nullptr, false);
    return document.is_object() ? document : json();
}

std::string text_in(json const& document, char const* key) {
    auto const found = document.find(key);
    return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

// The preset that the trace names and that runs the same command; null when it is somebody's own server.
repro::target const* preset_in(json const& target) {
    auto const& all = repro::preset_targets();
    auto const preset = std::ranges::find(all, text_in(target, "name"), &repro::target::name);
    bool const same = preset != all.end() && target.contains("command") && target["command"] == json(preset->command);
    return same ? &*preset : nullptr;
}

// What a trace tells of a target. Its file has all of that, except for the options.
json shown_target(json const& target) {
    json shown = target;
    if (preset_in(target)) shown.erase("file");
    else if (auto const file = target.find("file"); file != target.end() && file->is_object()) return *file;
    return shown;
}

std::vector<std::string> versions(traces::header const& h, json const& target) {
    std::vector<std::string> all;
    if (repro::target const* const preset = target.is_object() ? preset_in(target) : nullptr)
        if (auto const version = repro::installed_version(*preset); version && !version->empty())
            all.push_back(preset->name + " " + *version + " (as it is installed where this was written)");
    all.push_back("shutdown-repro " SHUTDOWN_REPRO_VERSION);
    if (!h.tool.empty()) all.push_back("trace written by " + h.tool);
    if (!h.world.empty()) all.push_back("world: " + h.world);
    return all;
}

std::string pretty(json const& document) {
    return document.is_object() ? document.dump(2, ' ', true, json::error_handler_t::replace) : "";
}

} // namespace

std::string markdown_of(std::string const& path) {
    traces::trace const t = traces::read_file(path);
    judgement const judged = judge_for_report(t);
    if (judged.violations.empty())
        throw repro::input_error(
            "--markdown: " + path + " breaks no rule, so there is nothing to report", repro::nothing_selected);
    json const scenario = document_of(t.head.scenario), target = document_of(t.head.target);
    std::string const file = std::filesystem::path(path).filename().string();
    return traces::as_markdown({.trace = t,
        .violations = judged.violations,
        .subject = judged.scenario.empty() ? file : judged.scenario,
        .again = again_line(t.head),
        .document = pretty(scenario.is_object() ? scenario : shown_target(target)),
        .versions = versions(t.head, target),
        .passes = twin_named_in(t.head, path).passes});
}

} // namespace shutdown_repro::cli
