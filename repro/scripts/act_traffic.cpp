// The traffic across an act: requests on new and on kept connections, and slow requests that overlap. Fast requests are
// an open loop: a client whose response is late goes on waiting, and another takes its place, so that the server is
// asked all the time, also when it leaves requests without a response.
#include <algorithm>
#include <utility>
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

// A response is late after the longest of these times. The third keeps the number of waiting clients small when the
// server answers nobody for long, as some do while they reload.
constexpr nanoseconds least_patience = 50 * millisecond;
constexpr int times_usual = 10;       // of the time that the response takes without the act
constexpr int share_of_silence = 16;  // of the time since the server last ended a fast request
constexpr std::size_t most_late = 64; // clients that wait for a late response at once

// A longer pause of its own, between an act that has a moment and some time after its effect, may hide a refusal.
constexpr nanoseconds most_pause = 250 * millisecond;
constexpr std::int64_t watched_after_ms = 200; // after the effect

class act_traffic final : public probe_script {
public:
    void open(probe_run& run) override {
        run.traffic(true);
        target const& t = run.plan();
        std::uint32_t const fast = std::min(run.connections(), most_fast);
        if (url_control const* const usual = run.request(t.path).control) usual_ = usual->took;
        heard_at_ = traces::monotonic_now();
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
    std::string unseen() const override {
        if (refused_) return {};
        if (longest_pause_ > most_pause)
            return "no new client came for " + std::to_string(longest_pause_ / millisecond) +
                " ms, because this machine is busy";
        if (crowded_)
            return std::to_string(most_late) +
                " clients waited for their responses at once, so that no other came and could have been refused";
        return {};
    }
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
        nanoseconds asked_at = 0, next_at = 0;
    };

    struct late_client {
        probe_client* client;
        std::uint32_t answered; // as of when it was left waiting
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
    void measure_pause(probe_run const& run, nanoseconds now) {
        act_kind const act = run.plan().act.what;
        bool const has_moment = act != act_kind::recycle && act != act_kind::none;
        bool const watched = run.ms_since_stop() > 0 && run.ms_since_effect() <= watched_after_ms;
        if (has_moment && watched && !closing_) longest_pause_ = std::max(longest_pause_, now - stepped_at_);
        stepped_at_ = now;
    }
    void step(probe_run& run) {
        nanoseconds const now = traces::monotonic_now();
        measure_pause(run, now);
        bool const look = now - looked_ >= look_accepted_every;
        if (look) looked_ = now;
        see_late_ones(run, look);
        for (slot& s : slots_) {
            if (is_asking(s.client)) {
                if (look && !s.kept) run.look_whether_accepted(*s.client);
                if (s.slow || closing_ || !is_late(s, now)) continue;
                late_.push_back({std::exchange(s.client, nullptr), s.answered});
                s.asks = false;
                moved_on_at_ = now;
            }
            if (s.asks) note_answer(s, run, now);
            if (closing_) leave(s.client);
            else if (now >= s.next_at) ask(s, run, now);
        }
    }
    static bool is_asking(probe_client const* c) { return c && !c->over() && (c->waits() || !c->connected()); }
    static void leave(probe_client* c) {
        if (c) c->leave();
    }
    // One client at a time is left waiting, so that new ones come one by one.
    bool is_late(slot const& s, nanoseconds now) {
        nanoseconds const patience =
            std::max({least_patience, times_usual * usual_, (now - heard_at_) / share_of_silence});
        if (now - std::max(s.asked_at, moved_on_at_) < patience) return false;
        crowded_ |= late_.size() == most_late;
        return late_.size() < most_late;
    }
    void see_late_ones(probe_run& run, bool look) {
        std::erase_if(late_, [&](late_client const& late) {
            if (is_asking(late.client)) {
                if (look) run.look_whether_accepted(*late.client);
                return false;
            }
            served_ += late.client->answered() - late.answered;
            heard_at_ = traces::monotonic_now();
            late.client->leave();
            return true;
        });
    }
    void note_answer(slot& s, probe_run& run, nanoseconds now) {
        s.asks = false;
        refused_ |= !s.client->connected();
        if (!s.slow) served_ += s.client->answered() - s.answered, heard_at_ = now;
        s.answered = s.client->answered();
        s.next_at = now + (s.slow ? slow_pace : run.ms_since_stop() > busy_ms ? later_pace : pace);
    }
    static void ask(slot& s, probe_run& run, nanoseconds now) {
        bool const again = s.kept && s.client && !s.client->over();
        if (!again) {
            if (s.client) s.client->leave();
            s.client = &run.client("traffic");
            s.answered = 0;
        }
        s.client->send(run.request(s.asked));
        s.asks = true;
        s.asked_at = now;
    }
    // The backend holds slow requests, until the act had its effect: so they are under way across it.
    void hold_or_release(probe_run& run) {
        bool const begins = run.ms_since_effect() < 0 && run.ms_since_stop() <= begins_ms;
        if (released_ && begins) run.backend()->hold(), released_ = false;
        bool const due = run.ms_since_effect() >= released_after_ms || run.ms_since_stop() >= latest_release_ms;
        if (!released_ && due) run.backend()->release(), released_ = true;
    }

    std::vector<slot> slots_;
    std::vector<late_client> late_; // they wait for a response that is late
    std::size_t served_ = 0;        // answers to fast requests
    nanoseconds looked_ = 0, stepped_at_ = 0, longest_pause_ = 0;
    nanoseconds usual_ = 0;       // the time that a fast request takes without the act; 0 if it is not known
    nanoseconds heard_at_ = 0;    // when a fast request was answered, refused or lost
    nanoseconds moved_on_at_ = 0; // when a client was left waiting
    bool closing_ = false, released_ = false;
    bool crowded_ = false; // there was no room for another late one
    bool refused_ = false; // a client was
};

} // namespace

std::unique_ptr<probe_script> make_act_traffic() { return std::make_unique<act_traffic>(); }

} // namespace shutdown_repro::repro
