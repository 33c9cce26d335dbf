#include "repro/probe/generations.hpp"
#include <algorithm>
#include <iterator>

namespace shutdown_repro::repro {
namespace {

// A process that was forked to execute another program has the sockets of its parent for a moment.
constexpr traces::nanoseconds more_than_a_moment = 30 * traces::millisecond;

bool holds_one_of(process_tree::member const& m, std::span<std::uint64_t const> listening) {
    open_files const files = files_of(m.pid);
    return std::ranges::any_of(
        files.sockets, [&](std::uint64_t inode) { return std::ranges::count(listening, inode) > 0; });
}

} // namespace

void generations::begin(std::span<std::uint64_t const> listening) {
    old_.clear(), old_listeners_.clear(), newcomers_.clear(), listens_since_.clear();
    sockets_.assign(listening.begin(), listening.end());
    new_socket_ = false;
    for (process_tree::member const* m : tree_.living()) {
        old_.push_back(m->id);
        if (holds_one_of(*m, listening)) old_listeners_.push_back(m->id);
    }
}

bool generations::is_old(traces::ref r) const { return std::ranges::count(old_, r) > 0; }

void generations::look(std::span<std::uint64_t const> listening) {
    new_socket_ |= std::ranges::any_of(
        listening, [&](std::uint64_t inode) { return inode && std::ranges::count(sockets_, inode) == 0; });
    traces::nanoseconds const now = traces::monotonic_now();
    for (process_tree::member const* m : tree_.living()) {
        if (is_old(m->id) || std::ranges::count(newcomers_, m->id)) continue;
        if (!holds_one_of(*m, listening)) {
            listens_since_.erase(m->id.number);
            continue;
        }
        auto const since = listens_since_.try_emplace(m->id.number, now).first->second;
        if (now - since >= more_than_a_moment) newcomers_.push_back(m->id);
    }
}

bool generations::is_replaced(bool with_first) const {
    return std::ranges::none_of(tree_.living(), [&](process_tree::member const* m) {
        return (with_first || m->id.number != 1) && std::ranges::count(old_listeners_, m->id) > 0;
    });
}

std::vector<process_tree::member const*> generations::outlived(bool with_first) const {
    auto const living = tree_.living();
    if (living.size() <= old_.size()) return {};
    std::vector<process_tree::member const*> left;
    std::ranges::copy_if(living, std::back_inserter(left),
        [&](process_tree::member const* m) { return m->id.number != 1 && is_old(m->id); });
    if (left.empty() && with_first && !living.empty() && living.front()->id.number == 1) left.push_back(living.front());
    return left;
}

} // namespace shutdown_repro::repro
