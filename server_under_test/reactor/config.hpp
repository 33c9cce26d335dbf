// The configuration of the reactor program: server, user agent, timers, and when and how it is stopped. Plain data and
// its JSON form. The words are those of the measured cells; tests/data/mojolicious.md defines them.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

enum class reactor_policy : std::uint8_t {
    as_reported,      // callbacks hold the server weakly; drain callbacks do not check that it still exists
    guard_self,       // a drain callback whose server is freed does nothing
    strong_self,      // a drain callback keeps the server alive until it has run
    close_on_destroy, // the destructor finishes the open transactions
    deferred_destroy, // the server is freed in the next tick
    eager_drain,      // a transaction finishes as soon as its last byte is written
    no_destroy,       // the last reference is never released
    drained,          // correct: open transactions end first, up to the grace period, however the server is stopped
};

enum class reply : std::uint8_t {
    imm,
    delay,
    delay_weak,
    throws,
    throw_raw,
    throw_late,
    never,
    stream,
    stream2,
    stream4
};
enum class user_timer : std::uint8_t { none, oneshot, recurring, stopcb };
// `any` makes the moment of the stop a decision before each callback and poll. Dropping the server is then a decision,
// too, besides the action of the stop.
enum class stop_moment : std::uint8_t { cb1, cbN, timer, handler, finish, signal, any };
enum class stop_action : std::uint8_t { g, gs, gsu, gsn, u, un, stop };
enum class serve_order : std::uint8_t { any, client_first, server_first }; // `any` makes the order a decision

struct reactor_config {
    reactor_policy policy = reactor_policy::as_reported;
    std::uint32_t connections = 1; // each has one request
    bool close = false;            // requests carry Connection: close
    reply handler = reply::imm;
    user_timer timer = user_timer::oneshot;
    stop_moment when = stop_moment::cb1;
    stop_action what = stop_action::gsu; // for a stop by a signal: SIGTERM for `stop`, SIGQUIT for a graceful action
    std::string signal_at = "request.begin#1"; // stop points at which the signal is sent
    serve_order order = serve_order::any;
    std::int64_t timer_ms = 300; // delay of the user timer; a recurring timer has a third of it
    std::int64_t keep_alive_ms = 470, inactivity_ms = 630, client_inactivity_ms = 860;
    std::int64_t grace_ms = 5000; // for the policy drained: transactions that remain after this time are canceled
    std::int64_t cap_ms = 7000;   // the process is killed after this time
};

template <> std::span<std::string_view const> words<reactor_policy>();
template <> std::span<std::string_view const> words<reply>();
template <> std::span<std::string_view const> words<user_timer>();
template <> std::span<std::string_view const> words<stop_moment>();
template <> std::span<std::string_view const> words<stop_action>();
template <> std::span<std::string_view const> words<serve_order>();

nlohmann::ordered_json to_json(reactor_config const&);
// Reads a checked document, like config_from_json.
reactor_config reactor_config_from_json(nlohmann::json const&);

} // namespace shutdown_repro::server
