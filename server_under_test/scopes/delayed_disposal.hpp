// Scope::disposeAfterTimeout: takes a reference to the scope, and when the time is up a task cancels the scope and drops the
// reference. As upstream has it, with the hole that this has: a scope that runs empty meanwhile uses up one reference, which is
// this one, so the drop is one too many (tests/data/trueasync.md, "dat").
#pragma once
#include <string>
#include "server_under_test/scopes/runtime.hpp"

namespace shutdown_repro::server {

class delayed_disposal {
public:
    explicit delayed_disposal(runtime& rt) : rt_(rt) {}
    delayed_disposal(delayed_disposal const&) = delete;
    ~delayed_disposal() { rt_.on.cancel(alarm_); }

    // Nothing when the scope is gone, closed or empty. The task runs in `task_home`, as `task_name`.
    void begin(scope& of, nanoseconds after, scope& task_home, std::string task_name);
    // Before the time is up: gives the reference back.
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
