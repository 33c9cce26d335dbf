// The controller's end of the target protocol (man/shutdown-repro-target.7): holds the processes of a target at the
// armed points, tells them to stop or to free there, and releases them. A target that dies, violates the protocol or is
// silent can't block this process.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "repro/process/child_process.hpp"
#include "repro/process/poller.hpp"

namespace shutdown_repro::repro {

class control_socket final : private poller::watcher {
public:
    // Called while a process is held. release() lets it continue. If that takes longer than `patience`, the process is
    // released and the execution is inconclusive.
    using on_held = std::function<void(control_socket&, std::string_view point)>;
    // Listens at `path`, a Unix socket that must not exist yet and that the destructor removes. Points are "NAME" or
    // "NAME#N". Throws input_error when it can't listen or a point is invalid.
    control_socket(poller&, std::string path, std::vector<std::string> armed, on_held,
        traces::nanoseconds patience = 5'000'000'000);
    ~control_socket();
    control_socket(control_socket const&) = delete;

    void tell(std::string_view command); // sends "stop" or "free" to the held process
    void release();                      // lets the held process continue
    bool holds() const { return held_; }
    traces::nanoseconds next_due() const; // when to call on_time(); the largest number for never
    void on_time();
    // Returns why the execution is inconclusive; after target_is_over() this includes points that were never reached.
    std::vector<std::string> const& problems() const { return problems_; }
    void target_is_over();

private:
    struct peer {
        unique_fd socket;
        int pid = 0; // 0 until it has sent hello
        std::string said;
    };
    void on_ready(int fd, std::uint32_t) override;
    void welcome();
    void hear(peer&);
    bool understood(peer&, std::string_view line);
    bool greeted(peer&, std::string_view line);
    bool send(peer&, std::string_view line);
    void drop(peer&, std::string const& why); // `why` is "" when that is not a problem
    std::string named(peer const&) const;

    poller& events_;
    std::string const path_;
    std::vector<std::string> const armed_;
    on_held const on_held_;
    traces::nanoseconds const patience_;
    unique_fd listener_;
    std::vector<std::unique_ptr<peer>> peers_;
    peer* held_ = nullptr;
    std::string held_at_;
    traces::nanoseconds held_until_ = 0;
    std::vector<std::string> reached_, problems_;
};

} // namespace shutdown_repro::repro
