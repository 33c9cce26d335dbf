// A scenario: server, clients, handlers and policy. An execution is a function of its scenario and its schedule.
// Scenarios are built in or read from files.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/scopes/cell.hpp"
#include "server_under_test/scopes/config.hpp"
#include "server_under_test/worlds/server_kind.hpp"

namespace shutdown_repro::repro {

class located_value;

// What the server is told, in the order of server_kind.
using server_config = std::variant<server::config, server::cell, server::reactor_config>;
server_config default_config(server::server_kind);

struct scenario {
    std::string name, summary;
    server_config server;
    std::uint32_t per_connection = 1; // requests that a client sends on one connection (scoped)
    bool pipelined = false;           // the client sends them without waiting for each response (scoped)

    server::server_kind kind() const { return static_cast<server::server_kind>(server.index()); }
    // The configuration of a server of this kind. Throws std::bad_variant_access when the server is of another kind.
    server::config& scoped() { return std::get<server::config>(server); }
    server::config const& scoped() const { return std::get<server::config>(server); }
    server::cell& cell() { return std::get<server::cell>(server); }
    server::cell const& cell() const { return std::get<server::cell>(server); }
    server::reactor_config& reactor() { return std::get<server::reactor_config>(server); }
    server::reactor_config const& reactor() const { return std::get<server::reactor_config>(server); }
};

std::span<scenario const> builtin_scenarios();

// Loads a built-in scenario by its name, or a file if the text ends in .json or contains a '/'. Throws input_error that
// suggests the nearest name, or names the file, the line and the expected value.
scenario load_scenario(std::string const& name_or_file);
scenario scenario_from_text(std::string_view json, std::string_view file_name);
scenario scenario_from(located_value const&); // from a document, or from a part of one

// Queries whose answer depends on the kind of the server.
std::string_view policy_of(scenario const&);      // the name of the server's policy; "" for scopes only
std::uint32_t requests_of(scenario const&);       // number of requests that the clients send; 0 for scopes only
void set_requests(scenario&, std::uint32_t);      // no effect on scopes only
std::uint32_t connections_of(scenario const&);    // number of connections that the clients open; 0 for scopes only
std::string_view stop_field(scenario const&);     // the field of the document that says when stop is called
std::string_view requests_field(scenario const&); // the field of the document that says how many requests there are
// Returns the groups of events that its traces have, in either world (the header's "observes").
std::string observed_in(scenario const&);

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
