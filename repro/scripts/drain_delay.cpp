// New clients while the server goes on accepting on purpose, and a little longer.
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::int64_t between_ms = 100;  // from one new client to the next
constexpr std::int64_t beyond_ms = 1'000; // after the end of the delay: new clients should be refused
constexpr std::int64_t most_clients = 200;
constexpr std::size_t fewest_clients = 3; // they come even if the server has exited, and are refused then

class drain_delay final : public probe_script {
public:
    void open(probe_run&) override {}
    bool in_place(probe_run&) override { return true; }
    std::size_t standing(probe_run&) override { return 1; }
    std::string missing(probe_run&) const override { return {}; }
    void after(probe_run& run) override {
        for (auto const& c : run.clients())
            if (c->answered()) c->leave();
        std::int64_t const lasts = run.plan().accepts_for_ms + beyond_ms;
        std::int64_t const between = std::max(between_ms, lasts / most_clients);
        auto const came = static_cast<std::int64_t>(run.clients().size());
        if (run.ms_since_stop() < between * (came + 1) || run.ms_since_stop() > lasts) return;
        run.client("new-client").send(run.request(run.plan().path));
    }
    // A server that exits before the delay is over refuses the next client.
    bool goes_on(probe_run& run) override {
        if (run.clients().size() < fewest_clients) return true;
        bool const refused = count(run, [](probe_client const& c) { return c.over() && !c.connected(); }) > 0;
        return !refused && run.ms_since_stop() < run.plan().accepts_for_ms;
    }
    std::string undone(probe_run& run) const override {
        return run.clients().empty() ? "no client came after the stop" : "";
    }
};

// Requests that were answered before the stop, and whose clients have left: only the effects of the stop are judged.
class answered final : public probe_script {
public:
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i) run.client("answered").send(run.request(run.plan().path));
    }
    bool in_place(probe_run& run) override {
        for (auto const& c : run.clients())
            if (c->answered()) c->leave();
        return enough(run) == run.clients().size();
    }
    std::size_t enough(probe_run& run) override {
        return count(run, [](probe_client const& c) { return c.answered() > 0; });
    }
    std::string missing(probe_run&) const override { return "no request was answered"; }
};

} // namespace

std::unique_ptr<probe_script> make_drain_delay() { return std::make_unique<drain_delay>(); }
std::unique_ptr<probe_script> make_answered() { return std::make_unique<answered>(); }

} // namespace shutdown_repro::repro
