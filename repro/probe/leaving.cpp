// When clients leave for which no stop should wait. They do so at a moment of our own choosing, so that an exit that
// follows is no coincidence: well after the time that the stop takes without a client, and before the grace ends.
#include <algorithm>
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using traces::millisecond;

std::optional<std::int64_t> probe_run::leave_ms() const {
    constexpr std::int64_t later_ms = 1'000;
    if (options_.leave_at_ms) return options_.leave_at_ms;
    rest_control const* const rest = options_.controls ? &options_.controls->at_rest : nullptr;
    if (!rest || !rest->trouble.empty() || rest->killed) return std::nullopt;
    std::int64_t const alone = rest->took / millisecond;
    return std::min(alone + alone / 4 + later_ms, (alone + plan_.grace_ms) / 2);
}

// In an execution for comparison those leave, too, that stay otherwise, unless a response is owed to them.
void probe_run::let_clients_leave() {
    bool const all = script_->clients_leave();
    auto const when = all || leaves_as_told() ? leave_ms() : std::nullopt;
    if (!when || ms_since_stop() < *when) return;
    for (auto const& c : clients_)
        if (all || !c->waits()) c->leave();
}

} // namespace shutdown_repro::repro
