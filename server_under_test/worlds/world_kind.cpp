#include "server_under_test/worlds/world_kind.hpp"

namespace shutdown_repro::server {

template <> std::span<std::string_view const> words<world_kind>() {
    static constexpr std::string_view all[] = {"live", "sim"};
    return all;
}

} // namespace shutdown_repro::server
