// A scenario: server + clients + handlers + policy, everything that an execution is a function of besides its schedule.
// Built-in ones, and files.
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
    std::uint32_t per_connection = 1; // requests that a client sends on one connection
    bool pipelined = false;           // without waiting for each response
    server::cell cell;                // for "scopes"
    server::reactor_config reactor;   // for "reactor"
};

std::span<scenario const> builtin_scenarios();

// A name, or a file when it ends in .json or contains a '/'. Throws input_error: unknown name with the nearest one, or
// file:line and what was expected.
scenario load_scenario(std::string const& name_or_file);
scenario scenario_from_text(std::string_view json, std::string_view file_name);
scenario scenario_from(located_value const&); // a document, or a part of one
std::string_view policy_of(scenario const&);  // its server's, by name; "" of scopes alone
// Which groups of facts a trace of it holds, in either world (the header's "observes").
std::string_view observed_in(scenario const&);
// The document, canonical; scenario_from_text reads it back to the same.
std::string to_json_text(scenario const&);
// --set KEY=VALUE: a field of the document by dotted path ("owner=extra", "handlers.2.act=cleanup", counted from 1).
// Throws input_error naming --set and the key.
void set_field(scenario&, std::string_view key, std::string_view value);

// The stop points that the scenario's default order passes, in order, each KIND#N.
// (Defined in repro/sim/execute.cpp: it runs the scenario once in the simulated world.)
struct passed_point {
    std::string point;
    std::string what;
};
std::vector<passed_point> passed_stop_points(scenario const&);

} // namespace shutdown_repro::repro
