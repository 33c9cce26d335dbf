// The rule about a server that goes on accepting for some time after the stop, on purpose: load balancers and service
// registries need that time to send new clients elsewhere.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

// New clients have to be served from the stop until a little before the end of the delay: the server may be late, or a
// client's connection may reach it late.
bool is_within_delay(nanoseconds at, model const& m) {
    constexpr nanoseconds share = 4;
    return m.t0 != no_seq && at >= m.t0_time && at < m.drain_from() - std::min(tolerance, m.accepts_for / share);
}

struct refused_during_drain_delay final : rule {
    static rule_info info() {
        return {
            .id = "refused-during-drain-delay",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_connect, kind::client_send, kind::client_done, kind::client_fail,
                kind::client_closed},
            .summary = "the server is said to go on accepting for some time after the stop, and within that time it "
                       "refuses a new client, or drops a new request or answers it with an error",
            .why =
                "A load balancer learns of the stop seconds after the server does, and sends new clients until then. "
                "That is what the delay is for: readiness probes fail at once, and everybody else is served as "
                "before. A server that closes its port early, or turns new requests away, makes each deployment cost "
                "some errors. The rule judges only traces which say how long the server goes on accepting. An answer "
                "counts as an error if the same request gets a better one without a stop. The last 250 ms of that "
                "time, or the last quarter of a shorter one, are not judged, nor is what comes after a second stop.",
            .cites = "kubernetes/kubernetes#86280, divolte/divolte-collector#193",
            .fix = "let only the readiness handler fail when the stop begins, and close the port when the delay is "
                   "over",
            .make = make<refused_during_drain_delay>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (!m.accepts_for) return;
        client_state const* const c = m.clients.find(e.id.number);
        peer_state const* const p = m.peers.find(e.id.number);
        if (!c || !p || p->why == role::readiness || m.ungraceful || m.second != no_seq) return;
        nanoseconds const at = c->sent == no_seq ? c->connect_at : c->sent_at;
        if (!is_within_delay(at, m)) return;
        came_ = true;
        std::string const what = what_happened(e, *c, m);
        if (what.empty() || !reported_.first(e.id)) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0}};
        for (seq_t const s : {c->connect, c->sent})
            if (s != no_seq) v.witness.push_back(s);
        v.message = to_string(e.id) + " came " + duration_text(at - m.t0_time) + " after the stop and " + what +
            "; the server is said to go on accepting for " + duration_text(m.accepts_for);
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        if (!m.accepts_for) return "a time for which the server goes on accepting after the stop";
        return lacks_stop(m, came_ ? "" : "a client that comes within that time");
    }
    void reset() override {
        came_ = false;
        reported_.clear();
    }

private:
    static std::string what_happened(event const& e, client_state const& c, model const& m) {
        if (e.what == kind::client_done) {
            std::int64_t const status = e.integer("status"), usual = e.integer("control_status");
            constexpr std::int64_t classes = 100, error = 4;
            bool const worse = status / classes >= error && status / classes > usual / classes;
            return worse ? "was answered with status " + std::to_string(status) : "";
        }
        if (e.what == kind::client_connect || e.what == kind::client_send || e.text("how") == "unreadable") return {};
        if (c.connected == no_seq && c.sent == no_seq)
            return "was " + std::string(e.text("how") == "refused" ? "refused" : "not accepted");
        bool waits = false;
        m.each_sent(e, [&](ref, sent_request const&) { waits = true; });
        return !waits ? "" : e.text("how") == "timeout" ? "was not answered" : "was cut off";
    }

    of_trace<bool> came_ = false;
    once reported_; // the clients
};

} // namespace

std::span<rule_info const> delay_rules() {
    static std::array const rules = {refused_during_drain_delay::info()};
    return rules;
}

} // namespace shutdown_repro::traces
