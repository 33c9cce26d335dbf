// Rules about what stop promises to whoever called it.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

struct stop_returned_early final : rule {
    static rule_info info() {
        return {
            .id = "stop-returned-early",
            .level = severity::error,
            .needs = requests,
            .needs_one_of = server_acts | process,
            .kinds = {kind::server_stopped, kind::process_exit},
            .summary = "the server calls itself stopped, or its process exits, with live requests",
            .why = "Whoever waits for stop frees what the handlers use, or exits: a request that is still alive then is cut off, and "
                   "nothing tells its client or its author. A process that an assertion, a fault or a kill ended did not return from "
                   "stop and has rules of its own.",
            .cites = "golang/go#34163, cpp-httplib#2440",
            .fix = "let the lifecycle wait until the last request has its finish, bounded by a grace period that ends in cancel and await",
            .make = make<stop_returned_early>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        bool const ended_from_outside = m.crashed() || m.signal == killed;
        if (e.what == kind::process_exit && (ended_from_outside || reported_)) return;
        if (m.requests.size() == 0) return;
        std::vector<ref> live;
        m.requests.each([&](std::uint32_t n, request_state const&) { live.push_back({entity::request, n}); });
        violation v{.subject = e.id, .at = e.seq};
        v.message = m.label(e.id) + (e.what == kind::server_stopped ? " stopped" : " exited") + " with " + names(live) + " alive";
        show(v, m, live);
        out.report(std::move(v));
        reported_ = true;
    }
    void reset() override { reported_ = false; }

private:
    static constexpr std::string_view killed = "SIGKILL";
    bool reported_ = false;
};

} // namespace

std::span<rule_info const> stop_rules() {
    static std::array const rules = {stop_returned_early::info()};
    return rules;
}

} // namespace shutdown_repro::traces
