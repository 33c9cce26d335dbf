#include "server_under_test/worlds/server_kind.hpp"

namespace shutdown_repro::server {

template <> std::span<std::string_view const> words<server_kind>() {
    static constexpr std::string_view all[] = {"scoped", "scopes", "reactor"};
    return all;
}

std::string_view observed_by(server_kind kind) {
    switch (kind) {
    case server_kind::scoped: return "scopes coroutines requests connections server";
    case server_kind::scopes: return "scopes coroutines server";
    case server_kind::reactor: break;
    }
    return "requests connections server clients";
}

} // namespace shutdown_repro::server
