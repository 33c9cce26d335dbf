// What a bundled server is told: the part of a scenario that runs inside the server's process. Plain data, with its JSON
// form (the scenario file's own fields, see man/shutdown-repro.1 "SCENARIO FILES").
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

// What a handler does. The words are those of the measured cells (tests/data/trueasync.md); i is the request's number.
enum class act : std::uint8_t {
    park,            // waits, answers
    done,            // waits briefly (5+i ms), answers
    forever,         // waits for what never happens
    unstarted,       // as park; in a cell it is spawned in the instant of stop
    throw_resume,    // waits (20+i ms), then fails with an ordinary error
    throw_cancel,    // as park; torn down, it fails with an ordinary error
    cleanup,         // as park; cancelled, it swallows that, waits 5+i ms more and ends normally
    spawn,           // spawns a child (70+i ms) into its own scope, then as park
    spawn_on_cancel, // as park; cancelled, it spawns such a child, then ends cancelled
    spawn_throw,     // as spawn; the child fails with an ordinary error after 30+i ms
    hook_park, // as park, with a completion hook that waits 5+i ms while the coroutine is finished but not removed
};

struct handler_config {
    act does = act::park;
    std::optional<std::int64_t> delay_ms = std::nullopt; // instead of the act's own
    std::uint32_t steps = 0; // instead of a delay: so many answers from outside, one after the other
    bool calls_stop = false; // after it has answered
    bool calls_free = false;
};

enum class policy : std::uint8_t { as_reported, upstream_fix, drained };
enum class placement : std::uint8_t { child, direct };   // a request scope each, or all in the server scope
enum class owner : std::uint8_t { server, owns, extra }; // who holds the server scope's last reference
enum class attach : std::uint8_t { start, stop };        // when the listener attaches to the server scope

struct config {
    policy shutdown = policy::as_reported;
    std::vector<handler_config> handlers{
        {}};                    // request i is served by handlers[i-1]; the last one serves all further ones
    std::uint32_t requests = 2; // that the scenario will send
    bool together = true;       // no handler's delay starts before every request is in its handler (or stop)
    placement place = placement::child;
    bool connection_scope = false; // a scope for each connection between server scope and request scope
    bool safe = false;             // the server scope's cancellation mode: safe makes zombies
    owner holds = owner::server;
    attach listener = attach::start;
    std::int64_t grace_ms = 5000; // 0: cancel at once
    std::optional<std::int64_t> dispose_after_ms =
        std::nullopt;                // stop also has the server scope disposed after this time
    std::string stop_at = "handler"; // stop points, comma separated: KIND#N, "handler" (a handler calls it), "never"
    std::string free_at = "server.stopped#1";
    std::uint16_t port = 0; // live world: 0 = ephemeral

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

nlohmann::ordered_json to_json(config const&); // every field, in the order of the manual
// For documents that this program wrote itself or has checked (the runner's to its child); scenario files are checked by
// repro/scenario/scenario.hpp. A field that is not there keeps its default, one that is not known is ignored.
// Throws nlohmann::json::exception or std::runtime_error.
config config_from_json(nlohmann::json const&);

} // namespace shutdown_repro::server
