#include "server_under_test/scopes/cell.hpp"
#include "server_under_test/worlds/words.hpp"

namespace shutdown_repro::server {

template <> std::span<std::string_view const> words<sequence>() {
    static constexpr std::string_view all[] = {
        "free",
        "cancel_free",
        "cancel_wait_free",
        "wait_free",
        "late_free",
        "fix_expire",
        "fix_grace",
        "fix_zero",
        "dat_free",
        "dat_wait",
        "dat_cancel",
        "dat_cancel_spawn",
        "dat_cancel_wait_spawn",
        "dat_cancel_wait_free",
    };
    return all;
}

std::string_view name_of(sequence s) { return word_of(s); }
std::optional<sequence> parse_sequence(std::string_view text) { return parse_word<sequence>(text); }

} // namespace shutdown_repro::server
