// The processes of a server before and after an act: which are old, which are new and serve, which outlived the act.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>
#include "repro/watch/process_tree.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

class generations {
public:
    explicit generations(process_tree const& tree) : tree_(tree) {}

    using inodes = std::span<std::uint64_t const>;
    // The processes that live now are the old generation, with these listening sockets and accepted connections.
    void begin(inodes listening, inodes accepted);
    // Looks at the processes as of the latest update of the tree, at the sockets that listen now, and at those of
    // connections that were accepted.
    void look(inodes listening, inodes accepted);

    // A new process that has had a listening socket for some time, or has accepted a connection; none until there is
    // one. A worker may get its connections from another process that listens.
    traces::ref newcomer() const { return newcomers_.empty() ? traces::ref{} : newcomers_.front(); }
    std::size_t newcomers() const { return newcomers_.size(); }
    // One of them that was seen with an accepted connection; none until there is one.
    traces::ref accepting() const { return accepting_; }
    // The same, or one that has had the socket for so long that it serves although no connection was seen. A new
    // process may have inherited the socket, and fail before it serves.
    traces::ref serving() const;
    // An old process that served, has executed a program since, and was then seen with a new connection.
    traces::ref executed() const { return executed_; }
    bool has_new_image() const { return !images_.empty(); } // whether one executed a program, serving or not
    bool has_new_socket() const { return new_socket_; }     // that no process had at the beginning
    // Whether every old process that listened, or had a connection when the act began, is gone. The first process is
    // not asked about, unless `with_first`. A process that executed a program is no longer an old one.
    bool is_replaced(bool with_first) const;
    // The old processes that outlived the act. There are none while no more processes live than before: then those that
    // still live are meant to stay, such as a process that routes requests. The first process counts only when
    // `with_first`, and no other can be meant.
    std::vector<process_tree::member const*> outlived(bool with_first) const;
    bool is_old(traces::ref) const;

private:
    void look_at_old(process_tree::member const&, inodes accepted);
    void look_at_new(process_tree::member const&, inodes listening, inodes accepted, traces::nanoseconds now);

    process_tree const& tree_;
    std::vector<traces::ref> old_, old_servers_, newcomers_;
    std::size_t lived_ = 0;              // processes at the beginning
    std::vector<std::uint64_t> sockets_; // that listened at the beginning
    traces::ref accepting_, executed_;
    bool new_socket_ = false;
    // By the numbers of processes. Sockets that a process inherited do not show that it accepted one.
    struct arrival {
        traces::nanoseconds listens_since = 0;     // 0 if it does not listen
        std::vector<std::uint64_t> inherited = {}; // sockets
    };
    std::map<std::uint32_t, std::string> programs_;              // what the old ones that served executed then
    std::map<std::uint32_t, std::vector<std::uint64_t>> images_; // of those that executed another since: its sockets
    std::map<std::uint32_t, arrival> arrivals_;                  // new processes
};

} // namespace shutdown_repro::repro
