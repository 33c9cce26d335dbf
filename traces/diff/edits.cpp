#include "traces/diff/edits.hpp"
#include <algorithm>
#include <span>

namespace shutdown_repro::traces {
namespace {

constexpr std::ptrdiff_t most_edits = 1000;

using sequence = std::span<std::uint32_t const>;

// Returns the edits. furthest[d] holds the largest x that d edits reach on each diagonal k = x - y, from -d to d.
std::vector<edit> path_back(sequence a, sequence b, std::vector<std::vector<std::ptrdiff_t>> const& furthest) {
    std::vector<edit> out;
    std::ptrdiff_t x = std::ssize(a), y = std::ssize(b);
    for (std::ptrdiff_t d = std::ssize(furthest) - 1; d > 0; --d) {
        auto const at = [&](std::ptrdiff_t k) {
            return k < -(d - 1) || k > d - 1
                ? -1
                : furthest[static_cast<std::size_t>(d - 1)][static_cast<std::size_t>(k + d - 1)];
        };
        std::ptrdiff_t const k = x - y;
        bool const down = k == -d || (k != d && at(k - 1) < at(k + 1)); // an element of b was inserted
        std::ptrdiff_t const from = down ? at(k + 1) : at(k - 1) + 1;
        for (; x > from; --x, --y) out.push_back(edit::keep);
        out.push_back(down ? edit::only_b : edit::only_a);
        down ? --y : --x;
    }
    for (; x > 0; --x) out.push_back(edit::keep);
    std::reverse(out.begin(), out.end());
    return out;
}

std::vector<edit> middle(sequence a, sequence b) {
    std::vector<std::vector<std::ptrdiff_t>> furthest;
    for (std::ptrdiff_t d = 0; d <= most_edits; ++d) {
        auto& now = furthest.emplace_back(static_cast<std::size_t>(2 * d + 1), -1);
        auto const before = [&](std::ptrdiff_t k) {
            return k < -(d - 1) || k > d - 1
                ? -1
                : furthest[static_cast<std::size_t>(d - 1)][static_cast<std::size_t>(k + d - 1)];
        };
        for (std::ptrdiff_t k = -d; k <= d; k += 2) {
            std::ptrdiff_t x = d == 0                                  ? 0
                : k == -d || (k != d && before(k - 1) < before(k + 1)) ? before(k + 1)
                                                                       : before(k - 1) + 1;
            std::ptrdiff_t y = x - k;
            while (x < std::ssize(a) && y < std::ssize(b) && y >= 0 &&
                a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(y)])
                ++x, ++y;
            now[static_cast<std::size_t>(k + d)] = x;
            if (x >= std::ssize(a) && y >= std::ssize(b)) return path_back(a, b, furthest);
        }
    }
    std::vector<edit> out(a.size(), edit::only_a);
    out.resize(a.size() + b.size(), edit::only_b);
    return out;
}

} // namespace

std::vector<edit> edits(std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b) {
    std::size_t const shorter = std::min(a.size(), b.size());
    std::size_t head = 0, tail = 0;
    while (head < shorter && a[head] == b[head]) ++head;
    while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
    std::vector<edit> out(head, edit::keep);
    auto const between =
        middle(sequence(a).subspan(head, a.size() - head - tail), sequence(b).subspan(head, b.size() - head - tail));
    out.insert(out.end(), between.begin(), between.end());
    out.resize(out.size() + tail, edit::keep);
    return out;
}

} // namespace shutdown_repro::traces
