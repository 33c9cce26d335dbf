// Decisions: every order that the environment is free to choose is one choose() on one source, and an execution is a pure
// function of (scenario, schedule). The default order takes choice 0 everywhere.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

using server::alternative;
using server::decision_source;
using server::move;

// Thrown out of choose() by a source that has seen enough of the execution; the simulator puts everything away and lets it
// pass.
struct abandoned {};

// All decisions of an execution. Printable and storable: "default", or the decisions away from the default as
// "index=choice", comma separated ("3=1,17=2").
struct schedule {
    std::vector<std::uint32_t> choices; // of decision 0, 1, …; further ones are 0
    friend bool operator==(schedule const&, schedule const&) = default;
};
std::string to_string(schedule const&);
// Throws input_error naming the part that is wrong.
schedule parse_schedule(std::string_view);
// The schedule of the decisions that a trace records, as text; "" when it records none.
std::string schedule_of(traces::trace const&);

// Follows a schedule and notes what was decided. A choice that the execution does not offer is a divergence, and choice 0
// is taken instead; so is a choice that the execution ends before.
class follow final : public decision_source {
public:
    explicit follow(schedule);
    std::uint32_t choose(std::span<alternative const>) override;
    schedule const& taken() const { return taken_; }
    std::string diverged() const; // after the execution: where it left the schedule, "" when it did not

private:
    schedule wanted_, taken_;
    std::string diverged_;
};

} // namespace shutdown_repro::repro
