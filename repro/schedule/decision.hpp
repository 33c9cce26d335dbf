// Decisions. Every order that the environment may choose is one choose() on one decision source, so an execution is a
// pure function of (scenario, schedule). The default order takes choice 0 in every decision.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"

namespace shutdown_repro::repro {

// Thrown from choose() by a source that abandons the execution. The simulator cleans up and rethrows it.
struct abandoned {};

// All decisions of an execution. Its text is "default", or the decisions that differ from the default as
// "index=choice", separated by commas ("3=1,17=2").
struct schedule {
    std::vector<std::uint32_t> choices; // of decision 0, 1 and so on; later decisions take choice 0
    friend bool operator==(schedule const&, schedule const&) = default;
};
std::string to_string(schedule const&);
// Throws input_error that names the invalid part.
schedule parse_schedule(std::string_view);
std::size_t away_from_default(schedule const&); // the number of decisions that differ from the default order

// Follows a schedule and records the decisions taken. The execution diverges when it does not offer the scheduled
// choice, in which case choice 0 is taken, or when it ends before a scheduled choice.
class follow final : public server::decision_source {
public:
    explicit follow(schedule);
    std::uint32_t choose(std::span<server::alternative const>) override;
    schedule const& taken() const { return taken_; }
    std::string diverged() const; // after the execution: where it diverged from the schedule; "" if it did not

private:
    schedule wanted_, taken_;
    std::string diverged_;
};

} // namespace shutdown_repro::repro
