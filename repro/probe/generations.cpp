#include "repro/probe/generations.hpp"
#include <algorithm>
#include <iterator>

namespace shutdown_repro::repro {
namespace {

using traces::millisecond;
using traces::nanoseconds;

// A process that was forked to execute another program has the sockets of its parent for a moment.
constexpr nanoseconds more_than_a_moment = 30 * millisecond;
constexpr nanoseconds long_enough = 1'500 * millisecond; // to serve, where no connection can be seen

bool has_one_of(std::span<std::uint64_t const> all, std::span<std::uint64_t const> wanted) {
    return std::ranges::any_of(all, [&](std::uint64_t inode) { return std::ranges::count(wanted, inode) > 0; });
}

bool has_new_one_of(std::span<std::uint64_t const> wanted, std::span<std::uint64_t const> all,
    std::span<std::uint64_t const> inherited) {
    return std::ranges::any_of(all, [&](std::uint64_t inode) {
        return std::ranges::count(wanted, inode) > 0 && std::ranges::count(inherited, inode) == 0;
    });
}

} // namespace

void generations::begin(inodes listening, inodes accepted) {
    old_.clear(), old_servers_.clear(), newcomers_.clear();
    programs_.clear(), images_.clear(), arrivals_.clear();
    accepting_ = executed_ = {};
    sockets_.assign(listening.begin(), listening.end());
    new_socket_ = false;
    for (process_tree::member const* m : tree_.living()) {
        old_.push_back(m->id);
        std::vector<std::uint64_t> const held = files_of(m->pid).sockets;
        if (!has_one_of(held, listening) && !has_one_of(held, accepted)) continue;
        old_servers_.push_back(m->id);
        programs_[m->id.number] = image_of(m->pid);
    }
    lived_ = old_.size();
}

bool generations::is_old(traces::ref r) const { return std::ranges::count(old_, r) > 0; }

void generations::look(inodes listening, inodes accepted) {
    new_socket_ |= std::ranges::any_of(
        listening, [&](std::uint64_t inode) { return inode && std::ranges::count(sockets_, inode) == 0; });
    nanoseconds const now = traces::monotonic_now();
    for (process_tree::member const* m : tree_.living())
        programs_.contains(m->id.number) ? look_at_old(*m, accepted)
            : is_old(m->id)              ? void()
                                         : look_at_new(*m, listening, accepted, now);
}

void generations::look_at_old(process_tree::member const& m, inodes accepted) {
    if (auto const executed = images_.find(m.id.number); executed != images_.end()) {
        if (!executed_ && has_new_one_of(accepted, files_of(m.pid).sockets, executed->second)) executed_ = m.id;
        return;
    }
    std::string const now = image_of(m.pid), &before = programs_[m.id.number];
    if (now.empty() || before.empty() || now == before) return;
    images_[m.id.number] = files_of(m.pid).sockets;
    std::erase(old_, m.id), std::erase(old_servers_, m.id);
}

void generations::look_at_new(process_tree::member const& m, inodes listening, inodes accepted, nanoseconds now) {
    bool const known = std::ranges::count(newcomers_, m.id) > 0;
    if (known && accepting_) return;
    std::vector<std::uint64_t> const held = files_of(m.pid).sockets;
    arrival& seen = arrivals_.try_emplace(m.id.number, arrival{0, held}).first->second;
    bool const accepts = has_new_one_of(accepted, held, seen.inherited);
    bool const listens = has_one_of(held, listening);
    if (!listens) seen.listens_since = 0;
    else if (!seen.listens_since) seen.listens_since = now;
    if (!known && !accepts && (!listens || now - seen.listens_since < more_than_a_moment)) return;
    if (!known) newcomers_.push_back(m.id);
    if (!accepting_ && accepts) accepting_ = m.id;
}

traces::ref generations::serving() const {
    if (accepting_) return accepting_;
    nanoseconds const now = traces::monotonic_now();
    for (process_tree::member const* m : tree_.living()) {
        auto const at = arrivals_.find(m->id.number);
        nanoseconds const since = at == arrivals_.end() ? 0 : at->second.listens_since;
        if (since && now - since >= long_enough) return m->id;
    }
    return {};
}

bool generations::is_replaced(bool with_first) const {
    return std::ranges::none_of(tree_.living(), [&](process_tree::member const* m) {
        return (with_first || m->id.number != 1) && std::ranges::count(old_servers_, m->id) > 0;
    });
}

std::vector<process_tree::member const*> generations::outlived(bool with_first) const {
    auto const living = tree_.living();
    if (living.size() <= lived_) return {};
    std::vector<process_tree::member const*> left;
    std::ranges::copy_if(living, std::back_inserter(left),
        [&](process_tree::member const* m) { return m->id.number != 1 && is_old(m->id); });
    bool const first_left = !living.empty() && living.front()->id.number == 1 && is_old(living.front()->id);
    if (left.empty() && with_first && first_left) left.push_back(living.front());
    return left;
}

} // namespace shutdown_repro::repro
