// The configuration of the scoped server: the part of a scenario that runs inside the process of the server. Plain data
// and its JSON form, which has the fields of a scenario file (man/shutdown-repro.1 "SCENARIO FILES").
#pragma once
#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

// What a handler does. The words are those of the measured cells (tests/data/trueasync.md); i is the number of the
// request.
enum class act : std::uint8_t {
    park,            // waits, then answers
    done,            // waits briefly (5+i ms), then answers
    forever,         // waits for an event that never happens
    unstarted,       // as park; in a cell it is spawned at the moment of stop
    throw_resume,    // waits (20+i ms), then fails with an ordinary error
    throw_cancel,    // as park; when canceled, it fails with an ordinary error
    cleanup,         // as park; when canceled, it ignores that, waits 5+i ms more and ends normally
    spawn,           // spawns a child (70+i ms) into its own scope, then as park
    spawn_on_cancel, // as park; when canceled, it spawns such a child and then ends as canceled
    spawn_throw,     // as spawn; the child fails with an ordinary error after 30+i ms
    hook_park, // as park, with a completion hook that waits 5+i ms while the coroutine is finished but not removed
};

struct handler_config {
    act does = act::park;
    std::optional<std::int64_t> delay_ms = std::nullopt; // replaces the delay of the act
    std::uint32_t steps = 0; // replaces the delay by this number of answers from outside, one after the other
    bool calls_stop = false; // calls stop after it has answered
    bool calls_free = false;
};

enum class policy : std::uint8_t { as_reported, upstream_fix, drained };
enum class placement : std::uint8_t { child, direct };   // a scope for each request, or all in the server scope
enum class owner : std::uint8_t { server, owns, extra }; // the holder of the last reference to the server scope
enum class attach : std::uint8_t { start, stop };        // when the listener attaches to the server scope

struct config {
    policy shutdown = policy::as_reported;
    std::vector<handler_config> handlers{
        {}};                    // handlers[i-1] serves request i; the last one serves all further requests
    std::uint32_t requests = 2; // that the scenario will send
    bool together = true;       // no handler's delay starts before every request is in its handler (or stop)
    placement place = placement::child;
    bool connection_scope = false; // a scope for each connection between server scope and request scope
    bool safe = false;             // cancellation mode of the server scope; the safe mode makes zombies
    owner holds = owner::server;
    attach listener = attach::start;
    std::int64_t grace_ms = 5000;                                // 0 cancels at once
    std::optional<std::int64_t> dispose_after_ms = std::nullopt; // stop also disposes the server scope after this time
    std::string stop_at = "handler"; // stop points, separated by commas: KIND#N, "handler", "any" or "never"
    std::string free_at = "server.stopped#1";
    std::uint16_t port = 0; // in the live world, 0 selects a free port

    handler_config const& handler(std::uint32_t request) const {
        return handlers[std::min<std::size_t>(request ? request - 1 : 0, handlers.size() - 1)];
    }
};

template <> std::span<std::string_view const> words<act>();
template <> std::span<std::string_view const> words<policy>();
template <> std::span<std::string_view const> words<placement>();
template <> std::span<std::string_view const> words<owner>();
template <> std::span<std::string_view const> words<attach>();

std::string_view name_of(act);
std::string_view name_of(policy);
std::string_view name_of(placement);
std::string_view name_of(owner);
std::string_view name_of(attach);
std::optional<act> parse_act(std::string_view);
std::optional<policy> parse_policy(std::string_view);
std::optional<placement> parse_placement(std::string_view);
std::optional<owner> parse_owner(std::string_view);
std::optional<attach> parse_attach(std::string_view);

nlohmann::ordered_json to_json(config const&); // has every field, in the order of the manual
// Reads a document that this program wrote or has checked, such as the runner's for its child;
// repro/scenario/scenario.hpp checks scenario files. A missing field keeps its default, an unknown field is ignored.
// Throws nlohmann::json::exception or std::runtime_error.
config config_from_json(nlohmann::json const&);

} // namespace shutdown_repro::server
