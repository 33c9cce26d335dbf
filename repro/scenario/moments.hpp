// When stop and free are called: what a scenario says about it, what its handlers must then do, and what an exploration
// decides.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include "repro/scenario/scenario.hpp"

namespace shutdown_repro::repro {

// When a scenario leaves stop or free to a handler ("handler", the default of stop), a handler must make the call:
// otherwise every execution would hang. This says when that is checked. Unless it is `never`, stop points that the
// server never reaches are refused, too.
enum class call_check : std::uint8_t {
    always,
    where_said, // only if the document itself says "handler"; otherwise the caller names the moment
    later,      // the caller makes further changes, and asks uncalled_act() after the last one
    never,      // the scenario is only read, such as that of an old report
};

// Like the functions of these names in scenario.hpp, which always check.
scenario load_scenario(std::string const& name_or_file, call_check);
scenario scenario_from_text(std::string_view json, std::string_view file_name, call_check);
scenario scenario_from(located_value const&, call_check);
void set_field(scenario&, std::string_view key, std::string_view value, call_check);

// Returns "stop" or "free": the first of them that is left to a handler although no handler that serves a request calls
// it. Returns "" when there is none.
std::string_view uncalled_act(scenario const&);
// Returns the end of the error message for it: leaves "stop" to a handler, but ...
std::string why_uncalled(std::string_view act);

// The moments of the scenario that an exploration keeps, because the user named them.
struct kept_moments {
    bool stop = false, free = false;
};
// Returns `s` with stop and free as decisions of their own, besides the calls of handlers. A stop or free that is
// "never" called stays so.
scenario with_open_acts(scenario s, kept_moments = {});

} // namespace shutdown_repro::repro
