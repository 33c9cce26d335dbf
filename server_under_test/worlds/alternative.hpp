// What can happen next where the environment is free to choose: the moves that a world offers as a decision.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include "traces/event.hpp"

namespace shutdown_repro::server {

// The kinds of moves. Code decides by these; traces and reports show their labels (label_of).
enum class move : std::uint8_t {
    client_connects,
    client_sends,
    client_reads,
    server_accepts,
    server_reads,
    server_writes,
    server_runs, // the next piece of its ready work
    question_is_answered,
    time_passes,
    process_ends,
    stop_is_called,
    free_is_called,
    loop_polls,
    handle_is_read,
    handle_is_written,
    handle_is_read_and_written,
    timer_fires,
};

// The label of a move in traces, as in "the client connects". It lives as long as the program.
std::string_view label_of(move);

// One of the moves that are possible next. Of two offers in a row, the same move of the same actor is the same
// alternative.
struct alternative {
    move what = move::client_connects;
    traces::ref who; // the actor whose move it is; for the server's reads and writes, the client of the connection
    friend bool operator==(alternative const&, alternative const&) = default;
};

inline constexpr alternative stop_is_called{move::stop_is_called, {traces::entity::control, 1}};
inline constexpr alternative free_is_called{move::free_is_called, {traces::entity::control, 1}};

// The source of all decisions: every order that the environment is free to choose is one choose() on one source.
class decision_source {
public:
    virtual ~decision_source() = default;
    // Returns the index of the alternative that happens, of two or more. Index 0 is the default.
    virtual std::uint32_t choose(std::span<alternative const>) = 0;
    // Called when exactly one move is possible outside the server: a step, but no decision.
    virtual void only(alternative const&) {}
};

// A decision that was taken.
struct decided {
    std::uint32_t choice = 0; // index of the alternative
    std::uint64_t number = 0; // index of the decision in its execution
};

} // namespace shutdown_repro::server
