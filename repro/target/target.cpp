#include "repro/target/target.hpp"
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <ranges>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/input/pattern.hpp"
#include "repro/process/child_process.hpp"
#include "repro/target/fields.hpp"
#include "repro/target/presets.hpp"
#include "repro/target/program_name.hpp"
#include "traces/format/inputs.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr int patience_ms = 5'000; // time for a program to print its version
constexpr std::string_view backend = "{backend}";
constexpr std::size_t longest_document = 64 << 10; // that the header of a trace holds

bool says(std::string const& text, std::string_view what) { return text.find(what) != text.npos; }
bool says(std::pair<std::string, std::string> const& p, std::string_view what) { return says(p.second, what); }

bool occurs(target const& t, std::string_view what) {
    auto const any = [&](auto const& all) {
        return std::ranges::any_of(all, [&](auto const& x) { return says(x, what); });
    };
    return any(t.command) || any(t.files) || any(t.environment);
}

// Returns the output of a command on stdout and stderr, or nothing when it fails.
std::optional<std::string> output_of(target::words const& command) {
    std::string const program = find_program(command.front());
    if (program.empty()) return std::nullopt;
    child_process child(launch{.path = program, .arguments = {command.begin() + 1, command.end()}, .speaks = true});
    std::string said;
    pollfd ears[] = {{child.notes(), POLLIN, 0}, {child.errors(), POLLIN, 0}};
    while (ears[0].fd >= 0 || ears[1].fd >= 0) {
        if (poll(ears, 2, patience_ms) <= 0) return std::nullopt;
        for (pollfd& ear : ears) {
            if (!ear.revents) continue;
            char part[1024];
            ssize_t const got = read(ear.fd, part, sizeof part);
            if (got > 0) said.append(part, static_cast<std::size_t>(got));
            else if (got == 0) ear.fd = -1;
        }
    }
    pollfd over{child.pidfd(), POLLIN, 0};
    if (poll(&over, 1, patience_ms) != 1) return std::nullopt;
    auto const end = child.reap();
    return end && end->status == 0 ? std::optional(said) : std::nullopt;
}

std::string all_folders() {
    char const* const path = std::getenv("PATH");
    return (path ? std::string(path) + ":" : "") +
        "/usr/local/sbin:/usr/sbin:/sbin"; // servers are often there, but not in the PATH of users
}

} // namespace

bool target::has_known_port() const { return port || occurs(*this, "{port}"); }
bool target::uses_backend() const { return occurs(*this, backend); }

std::string server_request::in_words() const {
    bool const expects = std::ranges::any_of(headers, [](auto const& h) { return h.first == "Expect"; });
    return (method == "GET" ? path : method + " " + path) + (expects ? " with Expect" : "");
}

int target::wrong() const {
    if (wrong_signal) return wrong_signal;
    return stop.by == stop_method::signal && stop.signal == SIGTERM ? SIGINT : SIGTERM;
}

bool target::tried(std::string_view one) const {
    return std::ranges::any_of(
        tried_with, [one](std::string const& listed) { return one == listed || one.starts_with(listed + "."); });
}

std::string target::stop_in_words() const { return stop.in_words(); }

void choose_act(target& t, std::string_view name) {
    auto const names = act_names();
    auto const found = std::ranges::find(names, name);
    if (found == names.end())
        throw input_error("unknown act \"" + std::string(name) + "\"" +
            did_you_mean(name, std::vector<std::string_view>(names.begin(), names.end())) +
            " (stop, reload, upgrade, recycle, successor, none)");
    auto const what = static_cast<act_kind>(found - names.begin());
    auto const described = std::ranges::find(t.acts, what, &act_plan::what);
    t.act = described == t.acts.end() ? default_act(what) : *described;
}

bool is_target_file(std::string_view name_or_file) {
    return name_or_file.ends_with(".json") || name_or_file.find('/') != name_or_file.npos;
}

target load_target(std::string const& name_or_file) {
    if (is_target_file(name_or_file)) return target_from_document(located_document::read(name_or_file).root());
    std::vector<std::string_view> names;
    for (target const& t : preset_targets()) {
        if (t.name == name_or_file) return t;
        names.push_back(t.name);
    }
    throw input_error(
        "unknown target \"" + name_or_file + "\"" + did_you_mean(name_or_file, names) + " (list targets)");
}

target target_from_text(std::string_view text, std::string_view file_name) {
    return target_from_document(located_document::parse(text, std::string(file_name)).root());
}

target target_from_command(target::words command) {
    target t;
    t.name = name_of_program(command);
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (t.name.empty() || t.name.size() > 64 || t.name.front() == '.' || t.name.front() == '-' ||
        t.name.find_first_not_of(plain) != t.name.npos)
        t.name = "target"; // the name becomes part of file names
    t.command = std::move(command);
    return t;
}

std::vector<target> const& preset_targets() {
    static std::vector<target> const all = [] {
        std::vector<target> read;
        for (preset_text const& p : preset_texts()) read.push_back(target_from_text(p.text, p.name));
        return read;
    }();
    return all;
}

// A word may name a file behind an option: "--config=nginx.conf".
void note_inputs(target const& t) {
    for (target::words const* const command : {&t.command, &t.version, &t.ready.command, &t.stop.command})
        for (std::string const& word : *command)
            for (std::string const& name : {word, word.substr(word.find('=') + 1)})
                if (access(name.c_str(), F_OK) == 0) traces::note_input(name);
    if (std::string const program = t.command.empty() ? "" : find_program(t.command.front()); !program.empty())
        traces::note_input(program);
}

int parse_signal(std::string_view name) {
    int number = 0;
    auto const [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) return number > 0 && number < NSIG ? number : 0;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    for (int s = 1; s < NSIG; ++s)
        if (char const* const known = sigabbrev_np(s); known && name == known) return s;
    return 0;
}

std::span<std::string_view const> receiver_words() {
    static constexpr std::string_view words[] = {"first", "group", "all", "pid1"};
    return words;
}

std::optional<target::receivers> parse_receivers(std::string_view word) {
    auto const words = receiver_words();
    auto const at = std::ranges::find(words, word);
    if (at == words.end()) return std::nullopt;
    return static_cast<target::receivers>(at - words.begin());
}

std::string_view word_of(target::receivers who) { return receiver_words()[static_cast<std::size_t>(who)]; }

bool can_be_handled(int signal) { return signal != SIGKILL && signal != SIGSTOP; }

bool is_server_path(std::string_view text) {
    return text.starts_with('/') && text.size() <= 500 &&
        std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

std::string to_json_text(target const& t, std::vector<std::string> const& arguments) {
    nlohmann::ordered_json j;
    j["name"] = t.name;
    j["command"] = t.command;
    if (!t.adapter.empty()) j["adapter"] = t.adapter;
    if (!t.program) {
        if (t.pid1) j["pid1"] = true;
        j["stop"] = t.stop_in_words();
        if (t.signal_to != target::receivers::first) j["signal_to"] = word_of(t.signal_to);
        j["grace_ms"] = t.grace_ms;
        if (t.accepts_for_ms) j["accepts_for_ms"] = t.accepts_for_ms;
        if (t.drain_ms) j["drain_ms"] = t.drain_ms;
        if (t.act.what != act_kind::stop) j["act"] = t.act.in_words();
        if (!t.unix_path.empty()) j["unix"] = t.unix_path;
        j["exit"] = t.exit;
    }
    if (!arguments.empty()) j["arguments"] = arguments;
    if (!t.document.empty() && t.document.size() <= longest_document)
        j["file"] = nlohmann::ordered_json::parse(t.document);
    return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::string> installed_version(target const& t) {
    if (t.version.empty())
        return find_program(t.command.front()).empty() ? std::nullopt : std::optional<std::string>("");
    auto const said = output_of(t.version);
    if (!said) return std::nullopt;
    return std::string(pattern("[0-9]+(\\.[0-9]+)+").find(*said).value_or(""));
}

std::string find_program(std::string const& name) {
    auto const runs = [](std::string const& path) {
        return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path);
    };
    if (name.find('/') != name.npos) return runs(name) ? name : "";
    for (auto const& part : all_folders() | std::views::split(':')) {
        std::string const path = std::string(part.begin(), part.end()) + "/" + name;
        if (part.begin() != part.end() && runs(path)) return path;
    }
    return "";
}

std::string need_program(std::string const& name, std::string const& package) {
    std::string const path = find_program(name);
    if (!path.empty()) return path;
    std::string remedy = package.empty() ? "" : "; install the Debian package " + package;
    if (std::size_t const space = name.find(' '); space != name.npos && !find_program(name.substr(0, space)).empty())
        remedy = "; program and arguments have to be words of their own, so leave the quotes out: -- " + name;
    throw input_error(
        "cannot find the program " + (remedy.find("quotes") == remedy.npos ? name : "\"" + name + "\"") + remedy,
        inconclusive);
}

} // namespace shutdown_repro::repro
