// The processes of a server before and after an act: which are old, which are new and serve, which outlived the act.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <vector>
#include "repro/watch/process_tree.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

class generations {
public:
    explicit generations(process_tree const& tree) : tree_(tree) {}

    // The processes that live now are the old generation, and these listening sockets (inodes) are theirs.
    void begin(std::span<std::uint64_t const> listening);
    // Looks at the processes as of the latest update of the tree, and at the sockets that listen now.
    void look(std::span<std::uint64_t const> listening);

    // A new process that has a listening socket, and has had it for some time; none until there is one.
    traces::ref newcomer() const { return newcomers_.empty() ? traces::ref{} : newcomers_.front(); }
    std::size_t newcomers() const { return newcomers_.size(); }
    bool has_new_socket() const { return new_socket_; } // that no process had at the beginning
    // Whether every old process that listened is gone. The first process is not asked about, unless `with_first`.
    bool is_replaced(bool with_first) const;
    // The old processes that outlived the act. There are none while no more processes live than before: then those that
    // still live are meant to stay, such as a process that routes requests. The first process counts only when
    // `with_first`, and no other can be meant.
    std::vector<process_tree::member const*> outlived(bool with_first) const;

private:
    bool is_old(traces::ref) const;

    process_tree const& tree_;
    std::vector<traces::ref> old_, old_listeners_, newcomers_;
    std::vector<std::uint64_t> sockets_;                         // of the beginning
    std::map<std::uint32_t, traces::nanoseconds> listens_since_; // new processes, by number
    bool new_socket_ = false;
};

} // namespace shutdown_repro::repro
