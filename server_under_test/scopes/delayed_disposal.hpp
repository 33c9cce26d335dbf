// Scope::disposeAfterTimeout: takes a reference to the scope; when the time is up, a task cancels the scope and
// releases the reference. It has the defect of the original: a scope that becomes empty meanwhile releases this
// reference itself, so that the task releases one too many (tests/data/trueasync.md, "dat").
#pragma once
#include <string>
#include "server_under_test/scopes/runtime.hpp"

namespace shutdown_repro::server {

class delayed_disposal {
public:
    explicit delayed_disposal(runtime& rt) : rt_(rt) {}
    delayed_disposal(delayed_disposal const&) = delete;
    ~delayed_disposal() { rt_.on.cancel(alarm_); }

    // Starts the timeout. Does nothing if the scope is freed, closed or empty. The task runs in `task_home` as
    // `task_name`.
    void begin(scope& of, traces::nanoseconds after, scope& task_home, std::string task_name);
    // Cancels the timeout and releases the reference. Does nothing once the time is up.
    void withdraw();
    bool pending() const { return alarm_.armed; }
    signal over; // raised when its task has run

private:
    task time_is_up(coroutine&);

    runtime& rt_;
    scope *of_ = nullptr, *task_home_ = nullptr;
    std::string task_name_;
    struct alarm final : timer {
        delayed_disposal* owner = nullptr;
    } alarm_;
};

} // namespace shutdown_repro::server
