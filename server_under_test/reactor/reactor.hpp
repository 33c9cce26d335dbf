// The readiness loop: handles and timers with callbacks, as the second report's.
//
// A tick polls once. What is ready then is a snapshot: each handle of it is served in turn, first its read, then, if it is
// still watched, its write; then the clock is read once and every due timer of a snapshot fires. stop() does not cut a tick
// short. The loop ends after the tick in which it was stopped, or when nothing is watched and no timer is left.
//
// Which ready handle is served first, and which due timer fires first, is left free by the environment (the original keeps
// both in hash tables): a decision each, unless an order is set. What next_tick queued runs first in, first out.
//
// A signal is handled where it ends the poll, before anything else of that tick.
//
// An error that leaves a callback is recorded and the loop goes on; what the callback had still to do is not done.
//
// A loop that drains goes on until it has nothing to do by itself: no handle is watched, nothing is queued, and no timer of
// the application that fires once is armed. The loop's own timers and recurring ones do not hold it.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

// What a modelled callback fails with. Anything else that is thrown is our own bug and is not caught here.
struct callback_error {
    std::string message;
    traces::seq_t because = traces::no_seq; // in what it happened
};

class reactor {
public:
    using timer_id = std::uint32_t; // 0: none
    using callback = std::function<void()>;

    reactor(polling_world&, serve_order);

    // Watched for both. `whose` end it is; `name` is for people.
    void io(descriptor, traces::ref whose, std::string name, std::function<void(bool writable)>);
    void watch(descriptor, bool read, bool write); // one that is watched
    void remove(descriptor);                       // harmless when it is not

    // `what` says whose it is ("user", "keep-alive", …), `name` is for people.
    // `owner` is what the callback works on without keeping it alive, if anything.
    timer_id timer(nanoseconds after, std::string_view what, std::string name, callback, bool recurring = false,
        traces::ref owner = {});
    void again(timer_id);                              // begins anew; one that is active
    void remove_timer(timer_id);                       // harmless when it is not active
    void cancel_users_timers(std::string_view reason); // all of them; those armed from here on do not hold a drain
    void next_tick(callback);                          // a timer of 0 for all that is queued until it fires

    bool run(); // to its end; false: the process was killed in it
    void stop(std::string_view why, std::string_view cause = {});
    void drain(callback at_end); // `at_end` runs when nothing holds it any more
    void end_drain();            // now, whatever holds it
    std::size_t user_timers_left() const;
    std::size_t due_timers_left() const;
    std::size_t queued_calls_left() const { return queued_.size(); }
    traces::seq_t stopped_at() const { return stopped_at_; } // what ended it
    std::function<void(arrived_signal)> on_signal;

    // What somebody else may do before the next callback or poll because its moment is open. `offer` appends it; once `idle`
    // says that nothing is worth waiting for, it is done.
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
        nanoseconds after = 0, due = 0;
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
    template <class call> traces::seq_t guarded(std::string_view what, call const&); // the error's number, or no_seq
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
    std::vector<alternative> offered_; // take_next()'s, kept for its capacity
    std::uint64_t ticks_ = 0;
    traces::seq_t stopped_at_ = traces::no_seq;
    bool running_ = false, told_tick_ = false, timers_hold_ = true;
    callback at_end_of_drain_;
};

} // namespace shutdown_repro::server
