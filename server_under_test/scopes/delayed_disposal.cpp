#include "server_under_test/scopes/delayed_disposal.hpp"

namespace shutdown_repro::server {

void delayed_disposal::begin(scope& of, traces::nanoseconds after, scope& task_home, std::string task_name) {
    if (alarm_.armed || of.freed || of.closed || (of.members.empty() && of.children.empty())) return;
    of_ = &of;
    task_home_ = &task_home;
    task_name_ = std::move(task_name);
    of.add_reference();
    alarm_.owner = this;
    alarm_.run = [](work& w) {
        delayed_disposal& me = *static_cast<alarm&>(w).owner;
        me.rt_.spawn(*me.task_home_, me.task_name_, [&me](coroutine& t) { return me.time_is_up(t); });
    };
    rt_.on.start(alarm_, after);
}

void delayed_disposal::withdraw() {
    if (!alarm_.armed) return;
    rt_.on.cancel(alarm_);
    of_->release(rt_, "timeout");
}

task delayed_disposal::time_is_up(coroutine&) {
    if (of_->freed) rt_.access_after_free(*of_, "timeout_task");
    else of_->cancel(rt_);
    if (!rt_.dead()) of_->release(rt_, "timeout");
    if (!rt_.dead()) over.raise(rt_);
    co_return outcome::completed;
}

} // namespace shutdown_repro::server
