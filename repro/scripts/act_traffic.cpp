// The traffic across an act: requests on new and on kept connections, and slow requests that overlap.
#include <algorithm>
#include "repro/probe/probe_run.hpp"

namespace shutdown_repro::repro {
namespace {

using traces::millisecond;
using traces::nanoseconds;

constexpr std::uint32_t most_fast = 4;
constexpr std::size_t most_slow = 3;
constexpr nanoseconds pace = 4 * millisecond;
constexpr nanoseconds slow_pace = 50 * millisecond;
constexpr std::int64_t busy_ms = 1'500;                       // time after the act in which the pace is kept
constexpr nanoseconds later_pace = 20 * millisecond;          // after that time
constexpr nanoseconds look_accepted_every = 10 * millisecond; // at which connections were accepted
constexpr std::int64_t released_after_ms = 200;               // slow requests are answered so long after the effect,
constexpr std::int64_t latest_release_ms = 2'000;             // or so long after the act
constexpr std::int64_t begins_ms = 50;                        // an act that began so recently is another one

class act_traffic final : public probe_script {
public:
    void open(probe_run& run) override {
        run.traffic(true);
        target const& t = run.plan();
        std::uint32_t const fast = std::min(run.connections(), most_fast);
        for (std::uint32_t i = 0; i < fast; ++i) slots_.push_back({.asked = t.path, .kept = i % 2 == 1});
        for (std::size_t i = 0; i < most_slow; ++i) {
            target::http_request const& slow =
                (i % 2 && !t.slow_stream.empty()) || t.slow.empty() ? t.slow_stream : t.slow;
            if (!slow.empty()) slots_.push_back({.asked = slow, .slow = true});
        }
        step(run);
    }
    bool in_place(probe_run& run) override {
        step(run);
        return served_ >= 2 * fast_slots() && slow_in_flight(run);
    }
    std::size_t enough(probe_run&) override { return served_ >= 2 * fast_slots() ? 1 : 0; }
    std::size_t standing(probe_run&) override { return served_; }
    std::string missing(probe_run&) const override { return "no request of the traffic was answered"; }
    void after(probe_run& run) override {
        step(run);
        if (run.backend()) hold_or_release(run);
    }
    void close(probe_run& run) override {
        closing_ = true;
        if (run.backend()) run.backend()->release();
        step(run);
        run.traffic(false);
    }

private:
    struct slot {
        target::http_request asked;
        bool kept = false, slow = false;
        probe_client* client = nullptr;
        std::uint32_t answered = 0; // of its client, as counted so far
        bool asks = false;
        nanoseconds next_at = 0;
    };

    std::size_t fast_slots() const {
        return static_cast<std::size_t>(std::ranges::count_if(slots_, [](slot const& s) { return !s.slow; }));
    }
    bool slow_in_flight(probe_run& run) const {
        std::size_t const slow = slots_.size() - fast_slots();
        if (run.backend()) return run.backend()->held() >= slow;
        return std::ranges::all_of(
            slots_, [&](slot const& s) { return !s.slow || (s.client->waits() && run.has_read(*s.client)); });
    }
    void step(probe_run& run) {
        nanoseconds const now = traces::monotonic_now();
        bool const look = now - looked_ >= look_accepted_every;
        if (look) looked_ = now;
        for (slot& s : slots_) {
            if (is_asking(s)) {
                if (look && !s.kept) run.look_whether_accepted(*s.client);
                continue;
            }
            if (s.asks) note_answer(s, run, now);
            if (closing_) s.client->leave();
            else if (now >= s.next_at) ask(s, run);
        }
    }
    static bool is_asking(slot const& s) {
        return s.client && !s.client->over() && (s.client->waits() || !s.client->connected());
    }
    void note_answer(slot& s, probe_run& run, nanoseconds now) {
        s.asks = false;
        if (!s.slow) served_ += s.client->answered() - s.answered;
        s.answered = s.client->answered();
        s.next_at = now + (s.slow ? slow_pace : run.ms_since_stop() > busy_ms ? later_pace : pace);
    }
    static void ask(slot& s, probe_run& run) {
        bool const again = s.kept && s.client && !s.client->over();
        if (!again) {
            if (s.client) s.client->leave();
            s.client = &run.client("traffic");
            s.answered = 0;
        }
        s.client->send(run.request(s.asked));
        s.asks = true;
    }
    // The backend holds slow requests, until the act had its effect: so they are under way across it.
    void hold_or_release(probe_run& run) {
        bool const begins = run.ms_since_effect() < 0 && run.ms_since_stop() <= begins_ms;
        if (released_ && begins) run.backend()->hold(), released_ = false;
        bool const due = run.ms_since_effect() >= released_after_ms || run.ms_since_stop() >= latest_release_ms;
        if (!released_ && due) run.backend()->release(), released_ = true;
    }

    std::vector<slot> slots_;
    std::size_t served_ = 0; // answers to fast requests
    nanoseconds looked_ = 0;
    bool closing_ = false, released_ = false;
};

} // namespace

std::unique_ptr<probe_script> make_act_traffic() { return std::make_unique<act_traffic>(); }

} // namespace shutdown_repro::repro
