// The worlds in which a server is executed.
#pragma once
#include <cstdint>
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

enum class world_kind : std::uint8_t {
    live, // a process of its own, real TCP, real time
    sim,  // simulated, in our process
};
template <> std::span<std::string_view const> words<world_kind>();

} // namespace shutdown_repro::server
