#include "server_under_test/scopes/config.hpp"
#include <nlohmann/json.hpp>
#include <stdexcept>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

using nlohmann::json;
using nlohmann::ordered_json;

template <> std::span<std::string_view const> words<act>() {
    static constexpr std::string_view all[] = {
        "park",
        "done",
        "forever",
        "unstarted",
        "throw_resume",
        "throw_cancel",
        "cleanup",
        "spawn",
        "spawn_on_cancel",
        "spawn_throw",
        "hook_park",
    };
    return all;
}

template <> std::span<std::string_view const> words<policy>() {
    static constexpr std::string_view all[] = {"as-reported", "upstream-fix", "drained"};
    return all;
}

template <> std::span<std::string_view const> words<placement>() {
    static constexpr std::string_view all[] = {"child", "direct"};
    return all;
}

template <> std::span<std::string_view const> words<owner>() {
    static constexpr std::string_view all[] = {"server", "owns", "extra"};
    return all;
}

template <> std::span<std::string_view const> words<attach>() {
    static constexpr std::string_view all[] = {"start", "stop"};
    return all;
}

std::string_view name_of(act a) { return word_of(a); }
std::string_view name_of(policy p) { return word_of(p); }
std::string_view name_of(placement p) { return word_of(p); }
std::string_view name_of(owner o) { return word_of(o); }
std::string_view name_of(attach a) { return word_of(a); }
std::optional<act> parse_act(std::string_view text) { return parse_word<act>(text); }
std::optional<policy> parse_policy(std::string_view text) { return parse_word<policy>(text); }
std::optional<placement> parse_placement(std::string_view text) { return parse_word<placement>(text); }
std::optional<owner> parse_owner(std::string_view text) { return parse_word<owner>(text); }
std::optional<attach> parse_attach(std::string_view text) { return parse_word<attach>(text); }

namespace {

ordered_json to_json(handler_config const& h) {
    ordered_json j{{"act", name_of(h.does)}};
    if (h.delay_ms) j["delay"] = *h.delay_ms;
    if (h.steps) j["steps"] = h.steps;
    if (h.calls_stop) j["calls"].push_back("stop");
    if (h.calls_free) j["calls"].push_back("free");
    return j;
}

template <class value> void read(json const& from, char const* key, value& into) {
    if (auto const it = from.find(key); it != from.end()) it->get_to(into);
}

handler_config handler_from_json(json const& j) {
    handler_config h;
    read_word(j, "act", h.does);
    if (j.contains("delay")) h.delay_ms = j["delay"].get<std::int64_t>();
    h.steps = j.value("steps", h.steps);
    for (json const& call : j.value("calls", json::array())) (call == "free" ? h.calls_free : h.calls_stop) = true;
    return h;
}

} // namespace

ordered_json to_json(config const& c) {
    ordered_json handlers = ordered_json::array();
    for (handler_config const& h : c.handlers) handlers.push_back(to_json(h));
    ordered_json j;
    j["policy"] = name_of(c.shutdown);
    j["requests"] = c.requests;
    j["handlers"] = std::move(handlers);
    j["together"] = c.together;
    j["place"] = name_of(c.place);
    j["connection_scope"] = c.connection_scope;
    j["safe"] = c.safe;
    j["owner"] = name_of(c.holds);
    j["listener"] = name_of(c.listener);
    j["grace"] = c.grace_ms;
    if (c.dispose_after_ms) j["dispose_after"] = *c.dispose_after_ms;
    j["stop"] = c.stop_at;
    j["free"] = c.free_at;
    j["port"] = c.port;
    return j;
}

config config_from_json(json const& j) {
    config c;
    read_word(j, "policy", c.shutdown);
    read(j, "requests", c.requests);
    if (auto const handlers = j.find("handlers"); handlers != j.end()) {
        c.handlers.clear();
        for (json const& h : *handlers) c.handlers.push_back(handler_from_json(h));
        if (c.handlers.empty()) throw std::runtime_error("\"handlers\" is empty");
    }
    read(j, "together", c.together);
    read_word(j, "place", c.place);
    read(j, "connection_scope", c.connection_scope);
    read(j, "safe", c.safe);
    read_word(j, "owner", c.holds);
    read_word(j, "listener", c.listener);
    read(j, "grace", c.grace_ms);
    if (j.contains("dispose_after")) c.dispose_after_ms = j["dispose_after"].get<std::int64_t>();
    read(j, "stop", c.stop_at);
    read(j, "free", c.free_at);
    read(j, "port", c.port);
    return c;
}

} // namespace shutdown_repro::server
