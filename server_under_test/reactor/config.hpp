// What the reactor program is told: server, user agent, timers, and when and how it is stopped. Plain data with its JSON
// form. The words are those of the measured cells (tests/data/mojolicious.md), where each is defined.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

enum class reactor_policy : std::uint8_t {
    as_reported,      // callbacks hold the server weakly; drain callbacks call it unasked
    guard_self,       // a drain callback whose server is gone does nothing
    strong_self,      // a drain callback keeps the server alive until it has run
    close_on_destroy, // the destructor finishes the open transactions
    deferred_destroy, // the server goes in the next tick
    eager_drain,      // a transaction finishes as soon as its last byte is written
    no_destroy,       // the last reference is never dropped
    drained,          // ours: whatever stops it, what is under way ends first, bounded by the grace
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
// any: a decision, before each callback and poll; so is then that the server is dropped, beside what the stop does
enum class stop_moment : std::uint8_t { cb1, cbN, timer, handler, finish, signal, any };
enum class stop_action : std::uint8_t { g, gs, gsu, gsn, u, un, stop };
enum class serve_order : std::uint8_t { any, client_first, server_first }; // any: decisions

struct reactor_config {
    reactor_policy policy = reactor_policy::as_reported;
    std::uint32_t connections = 1; // with one request each
    bool close = false;            // requests carry Connection: close
    reply handler = reply::imm;
    user_timer timer = user_timer::oneshot;
    stop_moment when = stop_moment::cb1;
    stop_action what = stop_action::gsu; // by a signal: SIGTERM asks to stop, SIGQUIT to do one of the graceful ones
    std::string signal_at = "request.begin#1"; // stop points, at each of which the signal is sent
    serve_order order = serve_order::any;
    std::int64_t timer_ms = 300; // of the user timer; a recurring one takes a third
    std::int64_t keep_alive_ms = 470, inactivity_ms = 630, client_inactivity_ms = 860;
    std::int64_t grace_ms = 5000; // drained: what is left then is cancelled
    std::int64_t cap_ms = 7000;   // the process is killed then
};

template <> std::span<std::string_view const> words<reactor_policy>();
template <> std::span<std::string_view const> words<reply>();
template <> std::span<std::string_view const> words<user_timer>();
template <> std::span<std::string_view const> words<stop_moment>();
template <> std::span<std::string_view const> words<stop_action>();
template <> std::span<std::string_view const> words<serve_order>();

nlohmann::ordered_json to_json(reactor_config const&);
// Of a checked document; as config_from_json.
reactor_config reactor_config_from_json(nlohmann::json const&);

} // namespace shutdown_repro::server
