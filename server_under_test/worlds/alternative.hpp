// What can happen next where the environment is free to choose: the words in which a world offers a decision.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include "traces/event.hpp"

namespace shutdown_repro::server {

// One of the things that can happen next. `does` and `who` name it: of two offers in a row the same thing has the same name.
struct alternative {
    std::string_view does; // "the client connects"; lives as long as the program
    traces::ref who;       // whose step it is
    friend bool operator==(alternative const&, alternative const&) = default;
};

// Who decides: every order that the environment is free to choose is one choose() on one source.
class decision_source {
public:
    virtual ~decision_source() = default;
    // Which of two or more happens, by its place. The first is the default.
    virtual std::uint32_t choose(std::span<alternative const>) = 0;
    // Told when just one thing can happen next outside: no decision, but a step.
    virtual void only(alternative const&) {}
};

// Of the offered ones, the taken one.
struct decided {
    std::uint32_t choice = 0;
    std::uint64_t number = 0; // of the decision, in its execution
};

} // namespace shutdown_repro::server
