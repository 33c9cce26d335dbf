// Stop points: the moments at which stop and free are called. The control receives every event of the server. When a
// stop point is reached, it calls stop or free between two steps of the loop.
//
// A point is KIND#N: right after the step in which the N-th event of that kind was recorded ("coroutine.suspend#2").
// "handler" means that a handler makes the call (config), "never" that there is no call, and "any" that the moment is a
// decision: before any step, at the latest when nothing else can happen. Points refer to events of the server, not of
// the clients or the runner, because those differ between the worlds.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "traces/event.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

// A server that can be stopped and freed. Both calls record an event, and may be made at any time, from anywhere and
// any number of times.
class stoppable {
public:
    virtual ~stoppable() = default;
    virtual void stop() = 0;
    virtual void free() = 0;
};

struct stop_point {
    traces::kind what;
    std::uint32_t count;
};
// Returns the points of a comma-separated list; the words "handler", "any" and "never" give none.
// Throws std::invalid_argument that names the error and the expected form.
std::vector<stop_point> parse_stop_points(std::string_view text);
// Returns whether the word ("handler", "any") is in the list.
bool lists(std::string_view points, std::string_view word);

class control final : public traces::sink {
public:
    // Takes the stop points of stop and of free. Forwards events to `to`, which must outlive it.
    control(std::string_view stop_at, std::string_view free_at, traces::sink& to);
    void put(traces::event const&) override;
    bool pending() const { return !due_.empty(); }
    // Makes the calls that are due, between two steps: in the order in which the points were reached, and stop before
    // free for the same event. Calls that become due meanwhile wait for the next time. Records as control:1, caused by
    // the event of the point.
    void act(stoppable&, traces::recorder&);

    // Appends the calls with an open moment that may be made before the next step. `idle` means that nothing else can
    // happen: then only the calls that were not made yet are offered, a stop and then a free.
    void offer(std::vector<alternative>&, bool idle) const;
    bool open() const { return stop_open_ || free_open_; }
    bool was_called() const { return stop_called_ || free_called_; } // stop or free, by anybody
    void take(alternative const&, stoppable&, traces::recorder&);
    // Called when the process is about to end: calls free if its moment is open and it was not called. Returns whether
    // it did.
    bool last_call(stoppable&, traces::recorder&);

private:
    void notice(traces::event const&);
    void call(bool is_stop, traces::seq_t because, stoppable&, traces::recorder&);
    struct watched {
        stop_point point;
        bool is_stop;
        std::uint32_t seen = 0;
    };
    struct due {
        bool is_stop;
        traces::seq_t because;
    };
    traces::sink& to_;
    std::vector<watched> points_;
    std::array<bool, traces::kind_count> wanted_{}; // the kinds of events that notice() handles
    std::vector<due> due_;
    bool stop_open_ = false, free_open_ = false, stop_called_ = false, free_called_ = false;
};

} // namespace shutdown_repro::server
