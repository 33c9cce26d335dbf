// Draws traces of servers, loops, scopes, coroutines, requests, timers and hooks: some in a proper order with a few
// missteps, some in hardly any order.
#pragma once
#include <array>
#include <map>
#include <random>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

class trace_generator {
public:
    // The same seed draws the same trace.
    explicit trace_generator(std::uint64_t seed) : random_(seed) {}
    trace draw();

private:
    enum class state : std::uint8_t { none, open, running, suspended, closing, over, freed };

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    bool chance(std::uint32_t percent) { return below(100) < percent; }
    template <class T> T one_of(std::initializer_list<T> list) {
        return list.begin()[below(static_cast<std::uint32_t>(list.size()))];
    }

    // One of the first ids of this type that is in one of these states; now and then, and if there is none, any.
    ref pick(entity, std::initializer_list<state>);
    ref any(entity type) { return {type, 1 + below(most_[static_cast<std::size_t>(type)])}; }
    ref fresh(entity); // an id that was not freed, mostly the next one; none if there is no such id left
    state& of(ref r) { return states_[r]; }

    struct draft {
        kind what;
        ref id;
        ref parent = {};
        std::vector<field> detail = {};
        ref by = {};
    };
    void tell(draft const&);

    void step();
    void server_event();
    void stop_event();
    void scope_event();
    void dispose_event();
    void coroutine_begins();
    void coroutine_event();
    void request_event();
    void timer_event();
    void loop_event();
    void hook_event();
    void object_event();
    void process_event();
    void finish_in_order();

    std::mt19937_64 random_;
    std::uint32_t missteps_ = 0; // percent
    std::array<std::uint32_t, entity_count> most_{};
    std::map<ref, state> states_;
    std::map<ref, ref> scopes_; // of coroutines
    std::vector<ref> live_;
    trace drawn_;
    nanoseconds now_ = 0;
};

} // namespace shutdown_repro::traces
