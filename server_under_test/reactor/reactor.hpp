// The readiness loop: handles and timers with callbacks, modeled on the loop of the second report.
//
// A tick polls once and takes a snapshot of the ready handles. It serves each in turn: first its read, then, if it is
// still watched, its write. Then it reads the clock once and fires every due timer. stop() does not end a tick early.
// The loop ends after the tick in which it was stopped, or when no handle is watched and no timer is left.
//
// The order of ready handles and of due timers is left free by the environment, because the original keeps both in hash
// tables. Each is a decision, unless an order is set. Calls queued by next_tick run first in, first out.
//
// A signal ends the poll and is handled before anything else of that tick.
//
// An error that leaves a callback is recorded, and the loop continues. The rest of the callback is not run.
//
// A loop that drains continues until it has nothing to do: no handle is watched, no call is queued, and no one-shot
// timer of the application is armed. The loop's own timers and recurring timers do not keep it running.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

// The exception of a modeled callback. Any other exception is a bug of this program and is not caught here.
struct callback_error {
    std::string message;
    traces::seq_t because = traces::no_seq; // the event during which it was thrown
};

class reactor {
public:
    using timer_id = std::uint32_t; // 0 for none
    using callback = std::function<void()>;

    reactor(polling_world&, serve_order);

    // Watches a handle for reading and writing. `whose` is the connection or client it belongs to; `name` is for
    // people.
    void io(descriptor, traces::ref whose, std::string name, std::function<void(bool writable)>);
    void watch(descriptor, bool read, bool write); // changes what a watched handle is watched for
    void remove(descriptor);                       // does nothing if it is not watched

    // Arms a timer. `what` is its purpose ("user", "keep-alive", …), `name` is for people. `owner` is the object that
    // the callback uses without keeping it alive, if any.
    timer_id timer(traces::nanoseconds after, std::string_view what, std::string name, callback, bool recurring = false,
        traces::ref owner = {});
    void again(timer_id);                              // restarts an active timer
    void remove_timer(timer_id);                       // does nothing if it is not active
    void cancel_users_timers(std::string_view reason); // cancels all; user timers armed later do not delay a drain
    void next_tick(callback);                          // queues a call; one timer of 0 ms runs all queued calls

    bool run(); // runs to the end; returns false if the process was killed
    void stop(std::string_view why, std::string_view cause = {});
    void drain(callback at_end); // `at_end` runs when nothing keeps the loop running
    void end_drain();            // ends the drain now
    std::size_t user_timers_left() const;
    std::size_t due_timers_left() const;
    std::size_t queued_calls_left() const { return queued_.size(); }
    traces::seq_t stopped_at() const { return stopped_at_; } // the event that ended it
    std::function<void(arrived_signal)> on_signal;

    // Calls with an open moment that may be made before the next callback or poll. `offer` appends them. Once `idle`
    // returns true, there is nothing to wait for, and they are made.
    struct open_acts {
        std::function<void(std::vector<alternative>&)> offer;
        std::function<bool()> idle;
        std::function<void(alternative const&)> take;
    };
    std::optional<open_acts> acts;

    polling_world& world() { return world_; }
    traces::recorder& trace() { return world_.trace; }
    static constexpr traces::ref id{traces::entity::loop, 1};

private:
    struct watcher {
        traces::ref whose;
        std::string name;
        std::function<void(bool)> call;
        bool read = true, write = true;
        traces::seq_t failed = traces::no_seq;
    };
    struct timer_entry {
        std::string_view what;
        std::string name;
        traces::nanoseconds after = 0, due = 0;
        bool recurring = false;
        callback call;
        traces::seq_t armed = traces::no_seq;
    };
    struct queued_call {
        callback call;
        traces::seq_t because;
    };
    static bool of_user(timer_entry const&);
    bool held() const;
    bool tick();
    void serve(std::vector<interest>);
    traces::seq_t serve_one(interest const&, std::vector<interest> const& others);
    void fire_due();
    void begin_tick();
    std::int64_t patience() const;
    template <class call>
    traces::seq_t guarded(std::string_view what, call const&); // the event of its error, or no_seq
    template <class item, class is_gone>
    std::optional<item> take_next(std::vector<item>&, is_gone const&, std::string_view list, std::string_view verb);
    void before_poll();
    void act(decided);
    alternative offered(interest const&) const;
    alternative offered(timer_id) const;
    std::string described(interest const&) const;
    std::string described(timer_id) const;

    polling_world& world_;
    serve_order order_;
    std::map<descriptor, watcher> watched_;
    std::map<timer_id, timer_entry> timers_;
    std::deque<queued_call> queued_;
    timer_id last_timer_ = 0, next_tick_timer_ = 0;
    std::vector<alternative> offered_; // used by take_next(); a member to keep its capacity
    std::uint64_t ticks_ = 0;
    traces::seq_t stopped_at_ = traces::no_seq;
    bool running_ = false, told_tick_ = false, timers_hold_ = true;
    callback at_end_of_drain_;
};

} // namespace shutdown_repro::server
