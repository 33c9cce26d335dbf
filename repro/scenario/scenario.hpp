// A scenario: server, clients, handlers and policy. An execution is a function of its scenario and its schedule.
// Scenarios are built in or read from files.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/scopes/cell.hpp"
#include "server_under_test/scopes/config.hpp"

namespace shutdown_repro::repro {

class located_value;

struct scenario {
    std::string name, summary;
    // "scoped": the HTTP server; "scopes": its scopes alone, no HTTP (a cell); "reactor": the readiness loop's server
    std::string server = "scoped";
    server::config config;
    std::uint32_t per_connection = 1; // number of requests that a client sends on one connection
    bool pipelined = false;           // clients do not wait for a response before the next request
    server::cell cell;                // for "scopes"
    server::reactor_config reactor;   // for "reactor"
};

std::span<scenario const> builtin_scenarios();

// Loads a built-in scenario by its name, or a file if the text ends in .json or contains a '/'. Throws input_error that
// suggests the nearest name, or names the file, the line and the expected value.
scenario load_scenario(std::string const& name_or_file);
scenario scenario_from_text(std::string_view json, std::string_view file_name);
scenario scenario_from(located_value const&); // from a document, or from a part of one
std::string_view policy_of(scenario const&);  // the name of the server's policy; "" for scopes only
// Returns the groups of events that its traces have, in either world (the header's "observes").
std::string_view observed_in(scenario const&);
// Returns the canonical document. scenario_from_text reads it back to the same scenario.
std::string to_json_text(scenario const&);
// Sets a field by its dotted path, with items counted from 1, as in --set owner=extra or --set handlers.2.act=cleanup.
// Throws input_error that names --set and the key.
void set_field(scenario&, std::string_view key, std::string_view value);

// Returns the stop points that the default order of the scenario passes, in order, as KIND#N. (Defined in
// repro/sim/execute.cpp, because it runs the scenario once in the simulated world.)
struct passed_point {
    std::string point;
    std::string what;
};
std::vector<passed_point> passed_stop_points(scenario const&);

} // namespace shutdown_repro::repro
