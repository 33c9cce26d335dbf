// The order in which the clients act, chosen act by act. At a quiet moment, and before each step of the server that an
// act could change, a chooser is asked what happens next. An act is left out where it touches another connection than
// the step does: there the other order is an equivalent execution.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::repro::steer {

// Two options that are no act of a client.
inline constexpr std::string_view goes_on = "goes-on", stop_pending = "stop", stop_handled = "stop-first";

struct act_point {
    std::string step;                 // the server is about to take it, or is quiet: "process:1.told#2", "quiet#1"
    std::vector<std::string> options; // "goes-on", "client:2.asks#1", "stop"; the first is the default
};

class act_chooser {
public:
    virtual ~act_chooser() = default;
    virtual std::size_t choose(act_point const&) = 0; // an index of the options
    // Whether two acts with no step between are offered in one order only: both orders are one execution.
    virtual bool tries_all() const { return false; }
    virtual std::string trouble() const { return {}; } // why the choices were not those that were asked for
};

struct placed_act {
    std::string step, act;
    bool operator==(placed_act const&) const = default;
};
using act_order = std::vector<placed_act>;
std::string to_string(act_order const&);     // "quiet#1=client:1.connects,process:1.told#1=client:2.connects"
act_order parse_act_order(std::string_view); // throws input_error

// What an execution chose, until its stop.
struct taken_acts {
    act_order acts;
    std::string stop_at; // "" when it was stopped after all acts
    bool stop_first = false;
};
taken_acts acts_taken_in(traces::trace const&);

// Takes the acts of an order by their names, and the default where it says nothing.
class follow_acts final : public act_chooser {
public:
    explicit follow_acts(act_order order) : order_(std::move(order)) {}
    std::size_t choose(act_point const&) override;
    std::string trouble() const override;

private:
    act_order order_;
    std::size_t next_ = 0;
};

// Goes through all choices, depth first: one execution for each call of next().
class all_act_orders final : public act_chooser {
public:
    std::size_t choose(act_point const&) override;
    std::string trouble() const override { return trouble_; }
    bool tries_all() const override { return true; }
    bool next(); // prepares the next execution; false when there is none

private:
    struct node {
        act_point at;
        std::size_t chosen = 0;
    };
    std::vector<node> path_;
    std::size_t depth_ = 0;
    std::string trouble_;
};

class random_acts final : public act_chooser {
public:
    explicit random_acts(std::uint64_t seed) : random_(seed) {}
    std::size_t choose(act_point const&) override;

private:
    std::mt19937_64 random_;
};

} // namespace shutdown_repro::repro::steer
