#include "server_under_test/scopes/coroutine.hpp"

#include <algorithm>
#include "server_under_test/scopes/runtime.hpp"

namespace shutdown_repro::server {

using traces::kind;
using because_of = traces::recorder::because_of;

namespace {

std::string_view text(outcome o) {
    switch (o) {
    case outcome::completed: return "completed";
    case outcome::cancelled: return "cancelled";
    case outcome::failed: return "failed";
    case outcome::never_ran: return "never ran";
    }
    return "";
}

std::string_view text(wake w) {
    switch (w) {
    case wake::value: return "value";
    case wake::cancelled: return "cancellation";
    case wake::error: return "error";
    case wake::timeout: return "timeout";
    }
    return "";
}

} // namespace

void signal::raise(runtime&) {
    // Each wake_up() removes its wait from the list.
    while (!waiting.empty()) waiting.front()->wake_up(wake::value);
}

// --- waiting --------------------------------------------------------------------------------------------------------

void coroutine::park(std::coroutine_handle<> h, std::string_view on, traces::nanoseconds for_how_long) {
    at = h;
    if (for_how_long >= 0)
        parked =
            rt->trace().emit(kind::coroutine_suspend, id, {}, {{"on", on}, {"ms", for_how_long / traces::millisecond}});
    else parked = rt->trace().emit(kind::coroutine_suspend, id, {}, {{"on", on}});
}

void coroutine::set_alarm(traces::nanoseconds after, wake means) {
    alarm_means = means;
    alarm.owner = this;
    alarm.run = [](work& w) {
        coroutine& c = *static_cast<delay_timer&>(w).owner;
        because_of const here(c.rt->trace(), c.parked);
        c.wake_up(c.alarm_means);
    };
    rt->on.start(alarm, after);
}

void delay_awaiter::await_suspend(std::coroutine_handle<> h) {
    self.park(h, on, how_long);
    self.set_alarm(how_long, wake::value);
}

void answer_awaiter::await_suspend(std::coroutine_handle<> h) {
    self.park(h, "answer");
    self.asking.owner = &self;
    self.asking.whose = whose;
    self.asking.run = [](work& w) {
        coroutine& c = *static_cast<coroutine::outside_wait&>(w).owner;
        because_of const here(c.rt->trace(), c.parked);
        c.wake_up(wake::value);
    };
    self.rt->on.ask(self.asking);
}

void signal_awaiter::await_suspend(std::coroutine_handle<> h) {
    self.park(h, what, timeout);
    if (on) {
        self.waiting_on = on;
        on->waiting.push_back(&self);
    }
    if (timeout >= 0) self.set_alarm(timeout, wake::timeout);
}

void completion::await_suspend(std::coroutine_handle<> h) {
    self.park(h, mode == completion_wait::until::any_notice ? "completion" : "cancellation", timeout);
    self.wait = {&self, &on, mode, holds_reference, listener};
    on.waits.push_back(&self.wait);
    if (timeout >= 0) self.set_alarm(timeout, wake::timeout);
}

completion await_completion(coroutine& self, scope& s, traces::nanoseconds timeout) {
    completion c{self, s, completion_wait::until::any_notice, timeout};
    if (s.freed || s.closed) c.at_once = wake::value;
    else if (s.cancelled) c.at_once = wake::cancelled;
    else if (s.contains(self)) c.at_once = wake::error;
    else if (s.active == 0 && s.children.empty()) c.at_once = wake::value;
    return c;
}

completion await_after_cancellation(coroutine& self, scope& s) {
    completion c{self, s, completion_wait::until::cancelled_scope_is_done};
    if (s.freed || s.closed) c.at_once = wake::value;
    else if (!s.cancelled || s.contains(self)) c.at_once = wake::error;
    else if (s.members.empty() && s.children.empty()) c.at_once = wake::value;
    return c;
}

void coroutine::withdraw_waits() {
    rt->on.cancel(alarm);
    rt->on.withdraw(asking);
    if (signal* s = std::exchange(waiting_on, nullptr))
        s->waiting.erase(std::find(s->waiting.begin(), s->waiting.end(), this));
    if (scope* s = std::exchange(wait.on, nullptr)) {
        s->waits.erase(std::find(s->waits.begin(), s->waits.end(), &wait));
        if (std::exchange(wait.holds_reference, false)) s->release(*rt, "listener");
    }
}

void coroutine::wake_up(wake w) {
    if (queued) {
        // A cancellation overrides any earlier reason to wake, and an error overrides a value.
        bool const stronger =
            w == wake::cancelled ? woken != wake::cancelled : w == wake::error && woken == wake::value;
        if (stronger && started) {
            woken = w;
            woken_by = rt->trace().cause();
        }
        return;
    }
    if (!at) return; // it is not waiting
    woken = w;
    woken_by = rt->trace().cause();
    withdraw_waits();
    rt->on.post(*this);
}

// --- cancellation ---------------------------------------------------------------------------------------------------

void coroutine::cancel(bool softly) {
    if (finished) return;
    because_of const here(
        rt->trace(), rt->trace().emit(kind::coroutine_cancel, id, home->id, {{"mode", softly ? "safe" : "unsafe"}}));
    cancel_requested = true;
    if (!softly) hard_requested = true;
    if (rt->current() == this) {
        cancelled_while_running = true; // it continues, but its result will not count
        return;
    }
    if (!started) {
        woken_by = rt->trace().cause(); // it has been queued since its creation and will be dropped when its turn comes
        return;
    }
    if (!softly) return wake_up(wake::cancelled);
    if (zombie) return;
    zombie = true;
    rt->trace().emit(kind::coroutine_zombie, id, home->id);
    home->became_zombie(*rt, *this);
}

// --- running --------------------------------------------------------------------------------------------------------

void coroutine::step() {
    traces::recorder::acting const as(rt->trace(), id);
    because_of const woken_for(rt->trace(), woken_by);
    rt->current_ = this;
    if (!started && cancel_requested) {
        finish(outcome::never_ran);
    } else {
        traces::seq_t now;
        if (!started) {
            started = true;
            at = body.entry();
            now = rt->trace().emit(kind::coroutine_start, id, home->id);
        } else {
            now = rt->trace().emit(kind::coroutine_resume, id, {}, {{"with", text(woken)}});
        }
        because_of const here(rt->trace(), now);
        go_on();
    }
    rt->current_ = nullptr;
}

void coroutine::go_on() {
    std::exchange(at, {}).resume();
    if (rt->dead() || !body.done()) return;
    if (where == stage::hook) return leave();
    outcome const o = body.result();
    finish(cancelled_while_running && o == outcome::completed ? outcome::cancelled : o);
}

void coroutine::finish(outcome o) {
    finished = true;
    result = o;
    because_of const here(rt->trace(),
        o == outcome::failed
            ? rt->trace().emit(kind::coroutine_finish, id, home->id, {{"result", text(o)}, {"error", "error"}})
            : rt->trace().emit(kind::coroutine_finish, id, home->id, {{"result", text(o)}}));
    withdraw_waits();
    if (on_finish) on_finish(*this, o);
    if (o != outcome::never_ran && make_hook) {
        where = stage::hook;
        rt->trace().emit(kind::coroutine_hook, id, home->id);
        body = make_hook(*this);
        at = body.entry();
        return go_on();
    }
    leave();
}

// Offers its error to the scope, then leaves the scope: until here it still belongs to it.
void coroutine::leave() {
    where = stage::over;
    body.reset();
    bool const taken = result != outcome::failed || home->catch_error(*rt, *this);
    if (rt->dead()) return;
    home->remove(*rt, *this);
    if (rt->dead()) return;
    --rt->alive_;
    if (!taken) rt->uncaught(*this);
}

void coroutine::reset() {
    body.reset();
    home = nullptr;
    started = finished = removed = zombie = cancel_requested = hard_requested = cancelled_while_running = false;
    result = outcome::completed;
    on_finish = nullptr;
    make_hook = nullptr;
    context = nullptr;
    alarm.armed = asking.armed = asking.asked = false;
    waiting_on = nullptr;
    wait = {};
    at = {};
    where = stage::body;
    woken = alarm_means = wake::value;
    woken_by = parked = traces::no_seq;
    queued = false;
}

} // namespace shutdown_repro::server
