// Stop points: stop and free are actors whose moment is a choice. The control sees every event that the server records and,
// when a named point is reached, has stop or free called between two steps of the loop.
//
// A point is KIND#N: right after the step in which the N-th event of that kind was recorded ("coroutine.suspend#2").
// "handler" means that a handler calls it (config), "never" that nobody does, "any" that its moment is a decision: before any
// step, at the latest when nothing else can happen. Points are facts of the server, never of the clients or the runner: those
// would not be the same in both worlds.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "traces/event.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

// What can be stopped and freed. Both record their act and may be called at any time, from anywhere, any number of times.
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
// The points of a comma separated list, none for "handler", "any" and "never".
// Throws std::invalid_argument whose message says what is wrong and what is expected.
std::vector<stop_point> parse_stop_points(std::string_view text);
// Whether the word ("handler", "any") is in the list.
bool lists(std::string_view points, std::string_view word);

class control final : public traces::sink {
public:
    // The lists of stop points of each. Forwards to `to`, which must outlive it.
    control(std::string_view stop_at, std::string_view free_at, traces::sink& to);
    void put(traces::event const&) override;
    bool pending() const { return !due_.empty(); }
    // Between two steps: does what is due, in the order in which the points were reached, a stop before a free of the same
    // event. What becomes due meanwhile is due after this step. Records as control:1, because of the point's event.
    void act(stoppable&, traces::recorder&);

    // What may be called before the next step because its moment is open, appended. `idle`: nothing else can happen, so only
    // what has to happen at last is offered: a stop that nobody has called, then the free.
    void offer(std::vector<alternative>&, bool idle) const;
    bool open() const { return stop_open_ || free_open_; }
    void take(alternative const&, stoppable&, traces::recorder&);
    // The process is about to end: a free that nobody has called is called. False: there was none.
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
    std::array<bool, traces::kind_count> wanted_{}; // by somebody here; most events are not
    std::vector<due> due_;
    bool stop_open_ = false, free_open_ = false, stop_called_ = false, free_called_ = false;
};

} // namespace shutdown_repro::server
