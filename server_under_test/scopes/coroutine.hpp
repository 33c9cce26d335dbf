// A coroutine of a scope: created (it belongs to its scope from then on) -> queued -> started <-> waiting -> finished
// -> removed.
//
// Every wait ends in wake_up(), which withdraws all its other waits, so it is resumed once and by one cause. Soft
// cancellation makes a started coroutine a zombie that continues undisturbed. Hard cancellation resumes it with a
// cancellation. Both drop a coroutine that has not started.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "server_under_test/scopes/task.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

class runtime;
class scope;
struct coroutine;

// Why a wait ended.
enum class wake : std::uint8_t { value, cancelled, error, timeout };

// An event that coroutines wait for. raise() wakes all that wait, in the order in which they began to wait.
struct signal {
    pooled_vector<coroutine*> waiting;
    void raise(runtime&);
};

// The wait of a coroutine for a scope.
struct completion_wait {
    enum class until : std::uint8_t { any_notice, cancelled_scope_is_done };
    coroutine* who = nullptr;
    scope* on = nullptr;
    until mode = until::any_notice;
    bool holds_reference = false; // the reference is released when the wait ends, however it ends
    traces::ref listener;         // the id of the listener, if it has one
};

struct coroutine final : work {
    runtime* rt = nullptr;
    traces::ref id;
    scope* home = nullptr;
    bool started = false, finished = false, removed = false, zombie = false;
    bool cancel_requested = false; // soft or hard
    bool hard_requested = false;
    outcome result = outcome::completed;

    task body;
    // Run after the body, while the coroutine is finished but not removed: a function, then a hook that may suspend.
    void (*on_finish)(coroutine&, outcome) = nullptr;
    task (*make_hook)(coroutine&) = nullptr;
    void* context = nullptr; // for on_finish and make_hook

    // For awaiters.
    void park(std::coroutine_handle<>, std::string_view on, traces::nanoseconds for_how_long = -1);
    void wake_up(wake); // withdraws the waits and queues it; if it is queued already, only a stronger reason counts
    wake take_wake() const { return woken; }

    void cancel(bool softly);
    void reset();

    struct delay_timer final : timer {
        coroutine* owner = nullptr;
    } alarm;
    struct outside_wait final : question {
        coroutine* owner = nullptr;
    } asking;
    signal* waiting_on = nullptr;
    completion_wait wait;

private:
    friend class runtime;
    enum class stage : std::uint8_t { body, hook, over };
    void step();
    void go_on();
    void finish(outcome);
    void leave();
    void withdraw_waits();

    std::coroutine_handle<> at;
    stage where = stage::body;
    wake woken = wake::value;
    wake alarm_means = wake::value; // the end of a delay, or a timeout
    bool cancelled_while_running = false;
    traces::seq_t woken_by = traces::no_seq, parked = traces::no_seq;

    friend struct delay_awaiter;
    friend struct answer_awaiter;
    friend struct signal_awaiter;
    friend struct completion;
    void set_alarm(traces::nanoseconds after, wake means);
};

// Awaitables: co_await delay(self, 5 * millisecond), never(self), wait(self, signal) and so on. Each returns why the
// wait ended.
struct [[nodiscard]] delay_awaiter {
    coroutine& self;
    traces::nanoseconds how_long;
    std::string_view on = "delay";
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>);
    wake await_resume() { return self.take_wake(); }
};
inline delay_awaiter delay(coroutine& self, traces::nanoseconds d) { return {self, d}; }

// Waits for the answer of an external service, asked on behalf of a request.
struct [[nodiscard]] answer_awaiter {
    coroutine& self;
    traces::ref whose;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>);
    wake await_resume() { return self.take_wake(); }
};

struct [[nodiscard]] signal_awaiter {
    coroutine& self;
    signal* on; // null for an event that never happens
    std::string_view what;
    traces::nanoseconds timeout = -1; // negative for none
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>);
    wake await_resume() { return self.take_wake(); }
};
inline signal_awaiter never(coroutine& self) { return {self, nullptr, "forever"}; }
inline signal_awaiter wait(coroutine& self, signal& s, std::string_view what, traces::nanoseconds timeout = -1) {
    return {self, &s, what, timeout};
}

// Waits for the completion of a scope. If `at_once` is set, it returns that without waiting.
struct [[nodiscard]] completion {
    coroutine& self;
    scope& on;
    completion_wait::until mode = completion_wait::until::any_notice;
    traces::nanoseconds timeout = -1;
    bool holds_reference = false;
    traces::ref listener = {};
    std::optional<wake> at_once = {};
    bool await_ready() const noexcept { return at_once.has_value(); }
    void await_suspend(std::coroutine_handle<>);
    wake await_resume() { return at_once ? *at_once : self.take_wake(); }
};
// Scope::awaitCompletion(timeout) and Scope::awaitAfterCancellation() with the early returns of the original: `value`
// if the scope is freed, closed or empty; for the first also `cancelled` if the scope is canceled, for the second
// `error` if it is not. Waiting for a scope from inside it returns `error`.
completion await_completion(coroutine& self, scope&, traces::nanoseconds timeout);
completion await_after_cancellation(coroutine& self, scope&);

} // namespace shutdown_repro::server
