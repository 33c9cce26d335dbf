// The kinds of bundled servers.
#pragma once
#include <cstdint>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

enum class server_kind : std::uint8_t {
    scoped,  // the HTTP server whose handlers run in scopes
    scopes,  // its scopes alone, without HTTP (a cell); it has no server process
    reactor, // the server of the readiness loop
};
template <> std::span<std::string_view const> words<server_kind>();

// The groups of facts that the server itself records (the header's "observes"), without those of its surroundings.
std::string_view observed_by(server_kind);

} // namespace shutdown_repro::server
