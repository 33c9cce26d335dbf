// Clients that read a large response slowly, so that the server still has a part of it at the stop.
#include <limits>
#include "repro/scripts/late_clients.hpp"
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::uint64_t first_bytes = 1'024;  // are read before the stop
constexpr std::uint64_t reading_time = 1'000; // milliseconds after the stop until all that has come is read
constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

class slow_reader final : public probe_script {
public:
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i) {
            probe_client& c = run.client("slow-reader", reading::slowly);
            c.read_on(first_bytes);
            c.send(run.request(run.plan().large));
        }
    }
    bool in_place(probe_run& run) override { return enough(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override {
        return count(run, [&](probe_client const& c) { return stands(run, c); });
    }
    std::string missing(probe_run& run) const override {
        std::string const status = status_in_words(run);
        if (!status.empty()) return "no response was under way: each ended" + status + " before the stop";
        return "the server has sent the whole response, which fits into the buffers of the kernel; name a larger one";
    }
    void after(probe_run& run) override {
        late_.knock(run);
        for (auto const& c : run.clients()) {
            if (c->answered()) c->leave();
            if (c->role() != "slow-reader" || c->over()) continue;
            auto const passed = static_cast<std::uint64_t>(run.ms_since_stop());
            auto const size = c->whole_size();
            if (!size || passed >= reading_time) c->read_up_to(everything);
            else c->read_up_to(first_bytes + *size * passed / reading_time);
        }
    }

private:
    // Whether the server holds a part of the response that the buffers of the kernel can't take.
    static bool stands(probe_run& run, probe_client const& c) {
        if (!c.waits() || !c.got_bytes()) return false;
        std::uint64_t const unsent = run.unsent_by_server(c);
        auto const whole = c.whole_size();
        return whole ? *whole > c.body_so_far() + unsent + c.unread() : unsent > 0;
    }
    late_clients late_;
};

} // namespace

std::unique_ptr<probe_script> make_slow_reader() { return std::make_unique<slow_reader>(); }

} // namespace shutdown_repro::repro
