#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

template <> std::span<std::string_view const> words<move>() {
    static constexpr std::string_view all[] = {
        "the client connects",
        "the client sends",
        "the client reads",
        "the server accepts",
        "the server reads",
        "the server writes",
        "the server goes on",
        "a handler's question is answered",
        "time passes",
        "the process ends",
        "stop is called",
        "free is called",
        "the loop polls",
        "is read",
        "is written",
        "is read and written",
        "fires",
    };
    static_assert(std::size(all) == static_cast<std::size_t>(move::timer_fires) + 1);
    return all;
}

std::string_view label_of(move m) { return word_of(m); }

} // namespace shutdown_repro::server
