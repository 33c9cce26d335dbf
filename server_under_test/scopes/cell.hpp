// A cell: the scopes without HTTP, driven through one of the measured sequences. tests/data/trueasync.md defines each
// word and lists what the real code did in each cell.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "server_under_test/scopes/config.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

enum class sequence : std::uint8_t {
    free,
    cancel_free,
    cancel_wait_free,
    wait_free,
    late_free,
    fix_expire,
    fix_grace,
    fix_zero,
    dat_free,
    dat_wait,
    dat_cancel,
    dat_cancel_spawn,
    dat_cancel_wait_spawn,
    dat_cancel_wait_free,
};

struct cell {
    std::vector<act> acts{act::park, act::park};
    placement place = placement::child;
    bool safe = false;
    owner holds = owner::server;
    bool root = false;             // the server scope has no parent
    bool ends_in_shutdown = false; // the whole runtime shuts down at 50 ms
    sequence steps = sequence::free;
};

template <> std::span<std::string_view const> words<sequence>();
std::string_view name_of(sequence);
std::optional<sequence> parse_sequence(std::string_view);

} // namespace shutdown_repro::server
