#include "tests/house/rooms.hpp"
#include <algorithm>
#include <filesystem>
#include <utility>

namespace shutdown_repro::tests {
namespace {

struct row {
    std::string room;
    std::vector<std::string> may_include; // in addition to itself; "traces/*" stands for the folder and all its rooms
};

// To add a room, add its row. Includes between rooms must not form a cycle.
std::vector<row> const& table() {
    static std::vector<row> const rows{
        {"traces", {}},
        {"traces/format", {"traces"}},
        {"traces/model", {"traces"}},
        {"traces/rules", {"traces", "traces/format", "traces/model"}},
        {"traces/phrases", {"traces", "traces/model"}},
        {"traces/causes", {"traces", "traces/model", "traces/rules", "traces/phrases"}},
        {"traces/views",
            {"traces", "traces/format", "traces/model", "traces/rules", "traces/phrases", "traces/causes"}},
        {"traces/diff", {"traces", "traces/format", "traces/model", "traces/rules", "traces/phrases", "traces/views"}},
        {"traces/page",
            {"traces", "traces/format", "traces/model", "traces/rules", "traces/phrases", "traces/causes",
                "traces/views", "traces/diff"}},
        {"traces/markdown",
            {"traces", "traces/format", "traces/model", "traces/rules", "traces/phrases", "traces/causes",
                "traces/views"}},
        {"traces/exports",
            {"traces", "traces/format", "traces/model", "traces/rules", "traces/phrases", "traces/causes",
                "traces/views"}},

        {"server_under_test/worlds", {"traces"}},
        {"server_under_test/http", {"traces"}},
        {"server_under_test/scopes", {"traces", "server_under_test/worlds"}},
        {"server_under_test/scoped",
            {"traces", "server_under_test/scopes", "server_under_test/worlds", "server_under_test/http"}},
        {"server_under_test/reactor", {"traces", "server_under_test/worlds", "server_under_test/http"}},
        {"server_under_test", {"traces/*", "server_under_test/*"}},

        {"repro/input", {"traces/*"}},
        {"repro/schedule", {"traces/*", "server_under_test/worlds", "repro/input"}},
        {"repro/scenario",
            {"traces/*", "server_under_test/worlds", "server_under_test/scopes", "server_under_test/reactor",
                "repro/input"}},
        {"repro/sim", {"traces/*", "server_under_test/*", "repro/schedule", "repro/scenario", "repro/input"}},
        {"repro/explore",
            {"traces/*", "server_under_test/*", "repro/sim", "repro/schedule", "repro/scenario", "repro/input"}},
        {"repro/process", {"traces/*", "repro/input"}},
        {"repro/watch", {"traces/*", "server_under_test/worlds", "repro/process", "repro/input"}},
        {"repro/live",
            {"traces/*", "server_under_test/worlds", "server_under_test/http", "repro/scenario", "repro/process",
                "repro/watch", "repro/schedule", "repro/input"}},
        {"repro/target", {"traces/*", "repro/process", "repro/watch", "repro/schedule", "repro/input"}},
        {"repro/clients", {"traces/*", "server_under_test/http", "repro/target", "repro/process", "repro/input"}},
        {"repro/probe",
            {"traces/*", "repro/clients", "repro/target", "repro/process", "repro/watch", "repro/schedule",
                "repro/input"}},
        {"repro/scripts", {"traces/*", "repro/probe", "repro/clients", "repro/target", "repro/input"}},
        {"repro/steer",
            {"traces/*", "repro/clients", "repro/target", "repro/process", "repro/watch", "repro/schedule",
                "repro/input"}},
        {"repro/gate", {"traces/*", "server_under_test/*", "repro/*"}},
        {"repro/adapters", {}}, // included by servers outside this project

        {"cli/terminal", {"traces/*", "repro/input"}},
        {"cli/options", {"traces/*", "server_under_test/*", "repro/*", "cli/terminal"}},
        {"cli/report", {"traces/*", "server_under_test/*", "repro/*", "cli/options", "cli/terminal"}},
        {"cli/ci", {"traces/*", "server_under_test/*", "repro/*", "cli/report", "cli/options", "cli/terminal"}},
        {"cli/commands",
            {"traces/*", "server_under_test/*", "repro/*", "cli/ci", "cli/report", "cli/options", "cli/terminal"}},
        {"cli/completion",
            {"traces/*", "server_under_test/*", "repro/*", "cli/commands", "cli/options", "cli/terminal"}},
        {"cli", {"traces/*", "server_under_test/*", "repro/*", "cli/*"}},
    };
    return rows;
}

row const* row_of(std::string const& room) {
    auto const it = std::ranges::find(table(), room, &row::room);
    return it == table().end() ? nullptr : &*it;
}

bool fits(std::string const& room, std::string const& allowed) {
    if (!allowed.ends_with("/*")) return room == allowed;
    return room == allowed.substr(0, allowed.size() - 2) || room.starts_with(allowed.substr(0, allowed.size() - 1));
}

bool may_include(row const& from, std::string const& room) {
    return room == from.room ||
        std::ranges::any_of(from.may_include, [&](std::string const& allowed) { return fits(room, allowed); });
}

} // namespace

std::vector<std::string> rooms_without_a_row(std::vector<source_file> const& all) {
    std::vector<std::string> found;
    for (source_file const& s : all)
        if (!row_of(room_of(s.path))) found.push_back(s.path + " stands in no room of the table");
    return found;
}

std::vector<std::string> wrong_directions(std::vector<source_file> const& all) {
    std::vector<std::string> found;
    for (source_file const& s : all) {
        row const* const from = row_of(room_of(s.path));
        for (std::string const& included : includes(s, '"', '"')) {
            std::string const line = s.path + " includes " + included;
            if (!from || !may_include(*from, room_of(included))) found.push_back(line);
            else if (!std::filesystem::exists(std::filesystem::path(SOURCE_DIR) / included))
                found.push_back(line + ", which is not there: paths begin at the root");
        }
    }
    return found;
}

std::vector<std::string> strangers(std::vector<source_file> const& all) {
    // The beginning of an include, and the beginnings of the paths that may have it. The first matching row counts.
    std::vector<std::pair<std::string, std::vector<std::string>>> const welcome{
        {"boost/asio/buffer",
            {"server_under_test/http/", "server_under_test/worlds/tcp_world"}}, // the parser of Beast needs it
        {"boost/asio", {"server_under_test/worlds/tcp_world"}},
        {"boost/beast", {"server_under_test/http/"}},
        {"boost/", {}},
        {"curl/", {"repro/live/curl_clients"}},
        {"pcre2", {"repro/input/pattern"}},
        {"CLI/", {"cli/"}},
        {"catch2/", {}},
        {"benchmark/", {}},
    };
    std::vector<std::string> found;
    for (source_file const& s : all)
        for (std::string const& included : includes(s, '<', '>')) {
            auto const party =
                std::ranges::find_if(welcome, [&](auto const& w) { return included.starts_with(w.first); });
            if (party == welcome.end()) continue;
            if (std::ranges::none_of(party->second, [&](std::string const& path) { return s.path.starts_with(path); }))
                found.push_back(s.path + " includes " + included);
        }
    return found;
}

std::vector<std::string> unguarded_writers(std::vector<source_file> const& sources) {
    std::vector<std::string> found;
    for (source_file const& s : sources) {
        if (!s.path.starts_with("cli/") || s.path == "cli/terminal/files.cpp") continue;
        std::string const code = code_of(s.text);
        for (std::string const writer : {"write_file(", "replace_file(", "ofstream", "fopen(", "O_CREAT", "O_WRONLY"})
            if (code.find(writer) != code.npos) found.push_back(s.path + " writes with " + writer);
    }
    return found;
}

} // namespace shutdown_repro::tests
