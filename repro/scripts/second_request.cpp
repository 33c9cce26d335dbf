// A second request on connections that are kept across the stop.
#include <vector>
#include "repro/scripts/late_clients.hpp"
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"

namespace shutdown_repro::repro {
namespace {

// Half of the clients, if there is a slow URL, wait for a slow response at the stop; the other connections are idle.
// The second request follows on each connection that the server leaves open: on the idle ones a little after the stop,
// on the others as soon as the slow response has come. A server that has closed each in time, or said that it will,
// has done what it should, too.
class second_request final : public probe_script {
public:
    void open(probe_run& run) override {
        target const& t = run.plan();
        for (std::uint32_t i = 0; i < run.connections(); ++i) {
            bool const slow = i % 2 && !t.slow.empty();
            second_.push_back({.client = &run.client("second"), .slow = slow});
            second_.back().client->send(run.request(slow ? t.slow : t.path));
        }
    }
    bool in_place(probe_run& run) override {
        return std::ranges::all_of(second_, [&](kept_connection const& k) { return stands(run, k); });
    }
    std::size_t enough(probe_run& run) override {
        return static_cast<std::size_t>(
            std::ranges::count_if(second_, [&](kept_connection const& k) { return !k.slow && stands(run, k); }));
    }
    std::string missing(probe_run&) const override {
        bool const waits = std::ranges::any_of(
            second_, [](kept_connection const& k) { return !k.client->over() && !k.client->answered(); });
        return waits ? "no connection was kept and idle, because the responses did not come in time"
                     : "no connection was kept, because the server closed each after its response";
    }
    void after(probe_run& run) override {
        late_.knock(run);
        for (kept_connection& k : second_) {
            probe_client& c = *k.client;
            c.process_events();
            if (k.sent && c.answered() > k.answered) c.leave();
            bool const its_turn = k.slow ? c.answered() == 1 : run.ms_since_stop() >= late_after(run);
            if (k.sent || c.over() || c.waits() || !its_turn) continue;
            k.sent = true, k.answered = c.answered();
            c.send(run.request(run.plan().path));
        }
        if (!released_ && run.ms_since_stop() >= hold_after(run)) {
            released_ = true;
            if (run.backend()) run.backend()->release();
        }
    }
    std::string undone(probe_run&) const override {
        bool const any = std::ranges::any_of(
            second_, [](kept_connection const& k) { return k.sent || k.client->answered() || k.client->lost(); });
        return any ? "" : "no connection became free for a second request";
    }

private:
    struct kept_connection {
        probe_client* client;
        bool slow = false, sent = false; // sent: the second request
        std::uint32_t answered = 0;      // before it
    };
    static bool stands(probe_run& run, kept_connection const& k) {
        k.client->process_events();
        return k.slow ? k.client->waits() && run.has_read(*k.client) : k.client->answered() == 1 && !k.client->over();
    }
    std::vector<kept_connection> second_;
    late_clients late_;
    bool released_ = false;
};

} // namespace

std::unique_ptr<probe_script> make_second_request() { return std::make_unique<second_request>(); }

} // namespace shutdown_repro::repro
