// Slow requests that overlap without a gap, before the stop and after it.
#include <vector>
#include "repro/scripts/late_clients.hpp"
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::uint32_t fewest_slots = 2, most_slots = 3;
constexpr std::int64_t backend_ms = 600; // a slow response of the bundled backend, here
constexpr std::int64_t least_ms = 1'500; // time after the stop during which requests follow each other
constexpr std::int64_t spare_ms = 1'000; // before the end of the grace
constexpr traces::nanoseconds soon = 250 * traces::millisecond; // after a gap: it may still be exiting

// Several clients, each with one slow request after another; the first ones begin one after the other, so that there
// is no moment without a request.
class overlap final : public probe_script {
public:
    void open(probe_run& run) override {
        target::http_request const& slow = run.plan().slow;
        url_control const* const usual = run.request(slow).control;
        takes_ms_ = run.backend() ? backend_ms
            : usual               ? std::max<std::int64_t>(usual->took / traces::millisecond, 1)
                                  : least_ms / 3;
        std::int64_t const longest = run.plan().grace_ms - takes_ms_ - spare_ms;
        goes_on_ms_ =
            run.plan().accepts_for_ms + std::min(std::max(3 * takes_ms_, least_ms), std::max(longest, least_ms));
        run.traffic(true);
        slots_.resize(std::clamp(run.connections(), fewest_slots, most_slots));
        begun_ = traces::monotonic_now();
        go_on(run);
    }
    bool in_place(probe_run& run) override {
        go_on(run);
        return under_way(run) == slots_.size();
    }
    std::size_t enough(probe_run& run) override {
        std::size_t const n = under_way(run);
        return n < fewest_slots ? 0 : n;
    }
    traces::nanoseconds patience() const override {
        return probe_script::patience() + 2 * takes_ms_ * traces::millisecond;
    }
    bool uses_all_patience() const override { return true; }
    std::string missing(probe_run& run) const override {
        std::string const status = status_in_words(run);
        return "no two slow requests overlapped, because " +
            (status.empty() ? "the server has read none" : "the slow URL was answered at once" + status);
    }
    void after(probe_run& run) override {
        bool const goes_on = run.ms_since_stop() < ends_ms(run);
        late_.knock(run);
        look_for_gap(run, goes_on);
        if (goes_on) return go_on(run);
        if (run.backend()) run.backend()->release();
        // The traffic ends with its last response.
        bool const waits = std::ranges::any_of(slots_, [](slot const& s) { return s.client && s.client->waits(); });
        if (waits || std::exchange(over_, true)) return;
        run.traffic(false);
        for (slot& s : slots_)
            if (s.client) s.client->leave();
    }
    std::string unseen() const override { return gap_at_ ? "the server exited in a moment without a request" : ""; }

private:
    struct slot {
        probe_client* client = nullptr;
        bool turned_away = false; // refused by a closed listener; a real client would go to another server
        traces::nanoseconds sent_at = 0;
        bool late = false; // that was after the stop
        bool answered() const { return client && client->answered() && !client->waits(); }
    };
    // A comparison with clients that leave at another time says when.
    std::int64_t ends_ms(probe_run const& run) const {
        std::int64_t const leaves = run.leave_ms().value_or(goes_on_ms_);
        return run.leaves_as_told() ? leaves : std::max(leaves, goes_on_ms_);
    }
    std::size_t under_way(probe_run& run) {
        return static_cast<std::size_t>(std::ranges::count_if(slots_, [&](slot const& s) {
            if (!s.client || !s.client->waits() || !run.has_read(*s.client)) return false;
            s.client->process_events();
            return s.client->waits();
        }));
    }
    void go_on(probe_run& run) {
        std::int64_t const passed = (traces::monotonic_now() - begun_) / traces::millisecond;
        auto const n = static_cast<std::int64_t>(slots_.size());
        if (run.backend() && passed * n >= takes_ms_ * (released_ + n)) {
            ++released_;
            run.backend()->answer_oldest();
        }
        for (std::int64_t i = 0; i < n; ++i) {
            slot& s = slots_[static_cast<std::size_t>(i)];
            if (s.turned_away || passed * n < takes_ms_ * i) continue;
            if (s.client) s.client->process_events();
            if (s.client && !s.client->over() && (s.client->waits() || !s.client->connected())) continue;
            s.turned_away = s.client && s.client->over() && !s.client->connected();
            if (s.turned_away) continue;
            if (!s.client || s.client->over()) s.client = &run.client("traffic");
            s.sent_at = traces::monotonic_now();
            s.late = run.ms_since_stop() > 0;
            s.client->send(run.request(run.plan().slow));
        }
    }
    // A server that still takes requests after the stop ends by chance when it exits where two of them do not overlap,
    // or soon after that: what is sent then fails because it exits.
    void look_for_gap(probe_run const& run, bool goes_on) {
        if (std::exchange(ended_, !run.server_runs())) return;
        traces::nanoseconds const now = traces::monotonic_now();
        for (slot const& s : slots_)
            if (s.client) s.client->process_events();
        auto const any = [&](auto const& is) { return std::ranges::any_of(slots_, is); };
        takes_late_ones_ |= any([](slot const& s) { return s.late && s.answered(); });
        bool const answers = any([&](slot const& s) { return s.answered() && s.sent_at > gap_at_; });
        if (answers || now - gap_at_ > soon) gap_at_ = 0;
        bool const under_way = any([](slot const& s) {
            return s.turned_away || (s.client && (s.client->lost() || (s.client->waits() && s.client->connected())));
        });
        if (!gap_at_ && takes_late_ones_ && goes_on && !under_way) gap_at_ = now;
    }

    std::vector<slot> slots_;
    late_clients late_;
    std::int64_t takes_ms_ = least_ms, goes_on_ms_ = 0, released_ = 0;
    traces::nanoseconds begun_ = 0, gap_at_ = 0; // 0: there was none
    bool over_ = false, takes_late_ones_ = false, ended_ = false;
};

} // namespace

std::unique_ptr<probe_script> make_overlap() { return std::make_unique<overlap>(); }

} // namespace shutdown_repro::repro
