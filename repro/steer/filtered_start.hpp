// Starts a server under the seccomp filter. The child installs the filter between fork and exec; it can't send its
// listener, because its calls are filtered from then on, so it tells the number in a shared page, and this process
// takes the descriptor with pidfd_getfd(2). Works without root: then the server has no_new_privs, and its set-user-ID
// programs run without privileges.
#pragma once
#include <linux/filter.h>
#include <string>
#include <vector>
#include "repro/process/child_process.hpp"
#include "repro/steer/listener.hpp"
#include "repro/watch/process_tree.hpp"

namespace shutdown_repro::repro::steer {

class filtered_start final : public before_exec {
public:
    // The guardian of `tree` gets a duplicate of the listener before the server makes its first call.
    explicit filtered_start(process_tree& tree);
    ~filtered_start();
    filtered_start(filtered_start const&) = delete;

    unique_fd take_listener() { return std::move(listener_); } // after the start
    // Returns errno of the exec that failed, or 0.
    int exec_error() const;

private:
    struct page;
    char const* in_child() override;
    void in_parent(int pid) override;
    [[noreturn]] void not_executed(int why) override;

    process_tree& tree_;
    std::vector<sock_filter> const program_;
    page* page_;
    unique_fd listener_;
};

} // namespace shutdown_repro::repro::steer
