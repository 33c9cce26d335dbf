#include "repro/scripts/in_flight.hpp"
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::int64_t second_ms = 200; // time between the first signal and the second

class wrong_signal final : public in_flight {
public:
    wrong_signal() : in_flight(false) {}
};

class second_signal final : public in_flight {
public:
    second_signal() : in_flight(false) {}
    void after(probe_run& run) override {
        if (!sent_ && run.ms_since_stop() >= second_ms) sent_ = run.server_runs() && run.signal_again();
        in_flight::after(run);
    }
    std::string undone(probe_run&) const override {
        return sent_ ? "" : "the second signal was never sent, because the server had exited";
    }

private:
    bool sent_ = false;
};

// The clients keep their connections after the answers that followed the stop, and ask for nothing more.
class kept final : public in_flight {
public:
    std::string undone(probe_run& run) const override {
        bool const over = count(run, [](probe_client const& c) { return c.answered() || c.lost(); });
        return over ? "" : "no request was answered after the stop";
    }

private:
    void answered(probe_run&, probe_client& c) override {
        if (c.role() == "late" || c.role() == "readiness") c.leave();
    }
};

} // namespace

void in_flight::open(probe_run& run) {
    target const& t = run.plan();
    for (std::uint32_t i = 0; i < run.connections(); ++i) {
        bool const stream = !t.slow_stream.empty() && (i % 2 || t.slow.empty());
        run.client(stream ? "stream-in-flight" : "in-flight").send(run.request(stream ? t.slow_stream : t.slow));
    }
}

std::string in_flight::missing(probe_run& run) const {
    std::string const status = status_in_words(run);
    return "no request was in flight, because " +
        (status.empty() ? "the server has read none" : "the slow URL was answered at once" + status);
}

void in_flight::after(probe_run& run) {
    for (auto const& c : run.clients())
        if (c->answered() && !c->over()) answered(run, *c);
    if (others_knock_) late_.knock(run);
    if (released_ || run.ms_since_stop() < hold_after(run)) return;
    released_ = true;
    if (run.backend()) run.backend()->release();
}

// Returns the number of requests that the server has received and not answered. With a backend, a request counts once
// it has reached the backend.
std::size_t in_flight::held(probe_run& run) {
    std::size_t const begun =
        count(run, [](probe_client const& c) { return c.role() == "stream-in-flight" && c.waits() && c.got_bytes(); });
    auto const in_hands = [&](probe_client& c) {
        if (c.role() == "stream-in-flight" || !c.waits() || !(run.backend() || run.has_read(c))) return false;
        c.process_events();
        return c.waits();
    };
    std::size_t const slow = count(run, in_hands);
    if (!run.backend()) return begun + slow;
    std::size_t const at_backend = run.backend()->held();
    return begun + std::min(slow, at_backend - std::min(at_backend, begun));
}

std::unique_ptr<probe_script> make_in_flight() { return std::make_unique<in_flight>(); }
std::unique_ptr<probe_script> make_wrong_signal() { return std::make_unique<wrong_signal>(); }
std::unique_ptr<probe_script> make_kept() { return std::make_unique<kept>(); }
std::unique_ptr<probe_script> make_second_signal() { return std::make_unique<second_signal>(); }

} // namespace shutdown_repro::repro
