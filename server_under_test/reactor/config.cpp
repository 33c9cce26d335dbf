#include "server_under_test/reactor/config.hpp"
#include <nlohmann/json.hpp>
#include <stdexcept>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

using nlohmann::json;
using nlohmann::ordered_json;

template <> std::span<std::string_view const> words<reactor_policy>() {
    static constexpr std::string_view all[] = {
        "as-reported",
        "guard-self",
        "strong-self",
        "close-on-destroy",
        "deferred-destroy",
        "eager-drain",
        "no-destroy",
        "drained",
    };
    return all;
}

template <> std::span<std::string_view const> words<reply>() {
    static constexpr std::string_view all[] = {
        "imm",
        "delay",
        "delay_weak",
        "throw",
        "throw_raw",
        "throw_late",
        "never",
        "stream",
        "stream2",
        "stream4",
    };
    return all;
}

template <> std::span<std::string_view const> words<user_timer>() {
    static constexpr std::string_view all[] = {"none", "oneshot", "recurring", "stopcb"};
    return all;
}

template <> std::span<std::string_view const> words<stop_moment>() {
    static constexpr std::string_view all[] = {"cb1", "cbN", "timer", "handler", "finish", "signal", "any"};
    return all;
}

template <> std::span<std::string_view const> words<stop_action>() {
    static constexpr std::string_view all[] = {"g", "gs", "gsu", "gsn", "u", "un", "stop"};
    return all;
}

template <> std::span<std::string_view const> words<serve_order>() {
    static constexpr std::string_view all[] = {"any", "client-first", "server-first"};
    return all;
}

ordered_json to_json(reactor_config const& c) {
    ordered_json j;
    j["policy"] = word_of(c.policy);
    j["connections"] = c.connections;
    j["close"] = c.close;
    j["handler"] = word_of(c.handler);
    j["timer"] = word_of(c.timer);
    j["when"] = word_of(c.when);
    j["what"] = word_of(c.what);
    j["signal_at"] = c.signal_at;
    j["order"] = word_of(c.order);
    j["timer_after"] = c.timer_ms;
    j["keep_alive"] = c.keep_alive_ms;
    j["inactivity"] = c.inactivity_ms;
    j["client_inactivity"] = c.client_inactivity_ms;
    j["grace"] = c.grace_ms;
    j["cap"] = c.cap_ms;
    return j;
}

reactor_config reactor_config_from_json(json const& j) {
    reactor_config c;
    read_word(j, "policy", c.policy);
    c.connections = j.value("connections", c.connections);
    c.close = j.value("close", c.close);
    read_word(j, "handler", c.handler);
    read_word(j, "timer", c.timer);
    read_word(j, "when", c.when);
    read_word(j, "what", c.what);
    c.signal_at = j.value("signal_at", c.signal_at);
    read_word(j, "order", c.order);
    c.timer_ms = j.value("timer_after", c.timer_ms);
    c.keep_alive_ms = j.value("keep_alive", c.keep_alive_ms);
    c.inactivity_ms = j.value("inactivity", c.inactivity_ms);
    c.client_inactivity_ms = j.value("client_inactivity", c.client_inactivity_ms);
    c.grace_ms = j.value("grace", c.grace_ms);
    c.cap_ms = j.value("cap", c.cap_ms);
    return c;
}

} // namespace shutdown_repro::server
