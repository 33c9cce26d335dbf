#include "repro/scenario/scenario.hpp"
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include "repro/input/errors.hpp"
#include "repro/input/located_json.hpp"
#include "repro/input/nearest.hpp"
#include "repro/scenario/fields.hpp"
#include "repro/scenario/moments.hpp"
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

ordered_json to_json(server::cell const& c) {
    ordered_json acts = ordered_json::array();
    for (server::act const a : c.acts) acts.push_back(name_of(a));
    ordered_json j;
    j["acts"] = std::move(acts);
    j["place"] = name_of(c.place);
    j["safe"] = c.safe;
    j["owner"] = name_of(c.holds);
    j["parent"] = c.root ? "none" : "main";
    j["end"] = c.ends_in_shutdown ? "shutdown" : "run";
    j["sequence"] = name_of(c.steps);
    return j;
}

// Reads a checked document.
server::cell cell_from_json(json const& j) {
    server::cell c;
    auto const word = [&](char const* key, auto parse, auto& into) {
        if (j.contains(key)) into = parse(j[key].get_ref<std::string const&>()).value();
    };
    if (j.contains("acts")) {
        c.acts.clear();
        for (json const& a : j["acts"]) c.acts.push_back(server::parse_act(a.get_ref<std::string const&>()).value());
    }
    word("place", server::parse_placement, c.place);
    c.safe = j.value("safe", c.safe);
    word("owner", server::parse_owner, c.holds);
    c.root = j.value("parent", "main") == "none";
    c.ends_in_shutdown = j.value("end", "run") == "shutdown";
    word("sequence", server::parse_sequence, c.steps);
    return c;
}

scenario from_document(located_document const& document, call_check when) {
    return scenario_from(document.root(), when);
}

// Returns the place in the document that a dotted path leads to. A missing field is added, and the later check accepts
// or refuses it.
json& place_of(json& document, std::string_view path, std::string const& who) {
    json* at = &document;
    for (std::string_view rest = path;;) {
        auto const dot = rest.find('.');
        std::string_view const part = rest.substr(0, dot);
        std::string_view const before = path.substr(0, static_cast<std::size_t>(part.data() - path.data()));
        std::string const parent =
            before.empty() ? "a scenario" : "\"" + std::string(before.substr(0, before.size() - 1)) + "\"";
        if (at->is_array()) {
            std::size_t number = 0;
            auto const [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
            if (error != std::errc{} || end != part.data() + part.size() || number == 0 || number > at->size())
                throw input_error(who + ": " + parent + " has items 1 to " + std::to_string(at->size()) + ", not \"" +
                    std::string(part) + "\"");
            at = &(*at)[number - 1];
        } else if (at->is_object() && !part.empty()) {
            at = &(*at)[std::string(part)];
        } else {
            throw input_error(who + ": " + parent + " has no field \"" + std::string(part) + "\"");
        }
        if (dot == rest.npos) return *at;
        rest.remove_prefix(dot + 1);
    }
}

json value_of(std::string_view text, std::string const& who) {
    if (json::accept(text)) return located_document::parse(text, who).root().json();
    json value = std::string(text);
    try {
        (void)value.dump();
    } catch (json::exception const&) { throw input_error(who + ": the value is not UTF-8"); }
    return value;
}

} // namespace

scenario load_scenario(std::string const& name_or_file) { return load_scenario(name_or_file, call_check::always); }

scenario load_scenario(std::string const& name_or_file, call_check when) {
    if (name_or_file.ends_with(".json") || name_or_file.find('/') != name_or_file.npos)
        return from_document(located_document::read(name_or_file), when);
    std::vector<std::string_view> names;
    for (scenario const& s : builtin_scenarios()) {
        if (s.name == name_or_file) return s;
        names.push_back(s.name);
    }
    throw input_error(
        "unknown scenario \"" + name_or_file + "\"" + did_you_mean(name_or_file, names) + " (list scenarios)");
}

scenario scenario_from(located_value const& document) { return scenario_from(document, call_check::always); }

scenario scenario_from(located_value const& document, call_check when) {
    check_scenario(document, when);
    json const& j = document.json();
    scenario s;
    s.name = j["scenario"];
    s.summary = j.value("summary", s.summary);
    auto kind = server_kind::scoped;
    read_word(j, "server", kind);
    switch (kind) {
    case server_kind::scopes: s.server = cell_from_json(j); break;
    case server_kind::reactor: s.server = server::reactor_config_from_json(j); break;
    case server_kind::scoped:
        s.server = server::config_from_json(j);
        s.per_connection = j.value("per_connection", s.per_connection);
        s.pipelined = j.value("pipelined", s.pipelined);
    }
    return s;
}

scenario scenario_from_text(std::string_view text, std::string_view file_name) {
    return scenario_from_text(text, file_name, call_check::always);
}

scenario scenario_from_text(std::string_view text, std::string_view file_name, call_check when) {
    return from_document(located_document::parse(text, std::string(file_name)), when);
}

server_config default_config(server_kind kind) {
    switch (kind) {
    case server_kind::scoped: return server::config{};
    case server_kind::scopes: return server::cell{};
    case server_kind::reactor: break;
    }
    return server::reactor_config{};
}

std::string_view policy_of(scenario const& s) {
    switch (s.kind()) {
    case server_kind::scoped: return name_of(s.scoped().shutdown);
    case server_kind::reactor: return word_of(s.reactor().policy);
    case server_kind::scopes: break;
    }
    return {};
}

std::uint32_t requests_of(scenario const& s) {
    switch (s.kind()) {
    case server_kind::scoped: return s.scoped().requests;
    case server_kind::reactor: return s.reactor().connections;
    case server_kind::scopes: break;
    }
    return 0;
}

void set_requests(scenario& s, std::uint32_t n) {
    if (s.kind() == server_kind::scoped) s.scoped().requests = n;
    if (s.kind() == server_kind::reactor) s.reactor().connections = n;
}

std::uint32_t connections_of(scenario const& s) {
    std::uint32_t const each = s.kind() == server_kind::scoped ? std::max(1u, s.per_connection) : 1;
    return requests_of(s) / each + (requests_of(s) % each != 0);
}

std::string_view stop_field(scenario const& s) { return s.kind() == server_kind::reactor ? "when" : "stop"; }
std::string_view requests_field(scenario const& s) {
    return s.kind() == server_kind::reactor ? "connections" : "requests";
}

std::string observed_in(scenario const& s) {
    std::string const by_server(observed_by(s.kind()));
    switch (s.kind()) {
    case server_kind::scoped: return by_server + " clients process";
    case server_kind::reactor: return by_server + " process loops timers callbacks hooks dependencies";
    case server_kind::scopes: break;
    }
    return by_server;
}

std::string to_json_text(scenario const& s) {
    ordered_json j;
    j["scenario"] = s.name;
    j["summary"] = s.summary;
    j["server"] = word_of(s.kind());
    switch (s.kind()) {
    case server_kind::scopes: j.update(to_json(s.cell())); break;
    case server_kind::reactor: j.update(server::to_json(s.reactor())); break;
    case server_kind::scoped:
        j.update(server::to_json(s.scoped()));
        j["per_connection"] = s.per_connection;
        j["pipelined"] = s.pipelined;
    }
    return j.dump();
}

void set_field(scenario& s, std::string_view key, std::string_view value) {
    set_field(s, key, value, call_check::always);
}

void set_field(scenario& s, std::string_view key, std::string_view value, call_check when) {
    std::string const who = "--set " + std::string(key);
    if (key == "server")
        throw input_error(
            who + ": the server of a scenario can't be changed; choose another scenario (see: list scenarios)");
    json document = json::parse(to_json_text(s));
    place_of(document, key, who) = value_of(value, who);
    s = from_document(located_document::of(std::move(document), who), when);
}

} // namespace shutdown_repro::repro
