#include "repro/input/nearest.hpp"
#include <algorithm>
#include <vector>

namespace shutdown_repro::repro {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row[b.size()];
}

std::string_view nearest(std::string_view typed, std::span<std::string_view const> known) {
    constexpr std::size_t longest_name = 64; // a longer text is not a mistyped name
    if (typed.size() > longest_name) return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
    for (std::string_view const name : known) {
        std::size_t const distance = edit_distance(typed, name);
        if (distance >= best_distance || distance >= name.size()) continue;
        best = name;
        best_distance = distance;
    }
    return best;
}

std::string did_you_mean(std::string_view typed, std::span<std::string_view const> known) {
    std::string_view const name = nearest(typed, known);
    return name.empty() ? "" : "; did you mean \"" + std::string(name) + "\"?";
}

} // namespace shutdown_repro::repro
