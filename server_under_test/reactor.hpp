// The readiness loop: handles and timers with callbacks, as the second report's.
//
// A tick polls once. What is ready then is a snapshot: each handle of it is served in turn, first its read, then, if it is
// still watched, its write; then the clock is read once and every due timer of a snapshot fires. stop() does not cut a tick
// short. The loop ends after the tick in which it was stopped, or when nothing is watched and no timer is left.
//
// Which ready handle is served first, and which due timer fires first, is left free by the environment (the original keeps
// both in hash tables): a decision each, unless an order is set. What next_tick queued runs first in, first out.
//
// An error that leaves a callback is recorded and the loop goes on; what the callback had still to do is not done.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <vector>
#include "server_under_test/polling.hpp"
#include "server_under_test/reactor_config.hpp"

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
    void watch(descriptor, bool read, bool write);                            // one that is watched
    void remove(descriptor);                                                   // harmless when it is not

    // `what` says whose it is ("user", "keep-alive", …), `name` is for people.
    timer_id timer(nanoseconds after, std::string_view what, std::string name, callback, bool recurring = false);
    void again(timer_id);                    // begins anew; one that is active
    void remove_timer(timer_id);             // harmless when it is not active
    void next_tick(callback);                // a timer of 0 for all that is queued until it fires

    bool run();                              // to its end; false: the process was killed in it
    void stop(std::string_view why, std::string_view cause = {});
    std::size_t user_timers_left() const;

    polling_world& world() { return world_; }
    traces::recorder& trace() { return world_.trace; }
    static constexpr traces::ref id{traces::entity::loop, 1};

private:
    struct watcher { traces::ref whose; std::string name; std::function<void(bool)> call; bool read = true, write = true; };
    struct timer_entry {
        std::string_view what;
        std::string name;
        nanoseconds after = 0, due = 0;
        bool recurring = false;
        callback call;
        traces::seq_t armed = traces::no_seq;
    };
    struct queued_call { callback call; traces::seq_t because; };
    bool tick();
    void serve(std::vector<interest>);
    void serve_one(interest const&);
    void fire_due();
    void begin_tick();
    std::int64_t patience() const;
    template <class call> void guarded(std::string_view what, call const&);
    template <class item> item take_next(std::vector<item>&, std::string_view list, std::string_view verb);
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
    bool running_ = false, told_tick_ = false;
};

} // namespace shutdown_repro::server
