#include "repro/scripts/late_clients.hpp"
#include "repro/scripts/script_tools.hpp"

namespace shutdown_repro::repro {

void late_clients::knock(probe_run& run) {
    for (auto const& c : run.clients())
        if (c->role() == "late" && (asks_ ? c->answered() > 0 : c->connected())) c->leave();
    if (!run.server_runs() || run.ms_since_stop() < late_after(run) * (knocked_ + 1)) return;
    if (knocked_++ == 0) {
        probe_client& late = run.client("late");
        if (asks_) late.send(run.request(run.plan().path));
    }
    if (run.plan().ready.http) run.client("readiness").send(request_of(*run.plan().ready.http));
}

} // namespace shutdown_repro::repro
