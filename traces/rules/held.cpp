#include "traces/rules/held.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

using standing = peer_state::standing;
constexpr holder holders[] = {holder::silent, holder::idle, holder::stream};
constexpr nanoseconds coarse = 1'000'000'000; // many servers check once a second whether they are done

nanoseconds time_at_rest(model const& m) { return m.at_rest && *m.at_rest != model::never ? *m.at_rest : 0; }

// Whether the exit followed the end of the traffic, or the server had to be killed while the traffic continued. A
// server that exits by itself during the traffic did not wait for its end.
bool by_traffic(nanoseconds exit, model const& m) {
    if (m.traffic == no_seq || exit - m.drain_from() < tolerance) return false;
    return m.traffic_goes
        ? m.was_sent("SIGKILL")
        : m.traffic_at - m.drain_from() > tolerance && exit - m.traffic_at <= coarse + time_at_rest(m);
}

} // namespace

bool takes_as_long_at_rest(nanoseconds exit, model const& m) {
    if (!m.at_rest || *m.at_rest == model::never) return m.at_rest.has_value();
    constexpr nanoseconds share = 4; // a quarter of its time may be chance
    return exit - m.t0_time <= *m.at_rest + std::max(tolerance, *m.at_rest / share);
}

holding held_until(nanoseconds exit, model const& m) {
    nanoseconds const quiet_since = std::max(m.drain_from(), m.worked);
    holding out{.quiet = exit - quiet_since};
    if (takes_as_long_at_rest(exit, m) || !m.follows.value_or(true)) return out;
    // Without a client it exits sooner. So what it waited for was a client, however late it noticed that one's end.
    nanoseconds const notices_within = m.at_rest && !m.was_sent("SIGKILL") ? model::never : tolerance;
    if (by_traffic(exit, m)) {
        out.by = holder::traffic, out.shown = m.traffic;
        return out;
    }
    bool busy = out.quiet < tolerance || m.requests.size() > 0;
    gone_peer latest[3];
    m.peers.each([&](std::uint32_t n, peer_state const& p) {
        standing const s = p.stands(m.t0);
        busy |= s == standing::busy;
        if (s == standing::busy || s == standing::apart) return;
        gone_peer& open = latest[static_cast<std::size_t>(s)];
        if (!open.who) open = {.who = {entity::client, n}, .at = exit, .seq = p.since};
    });
    if (busy) {
        out.by = holder::work;
        return out;
    }
    for (std::size_t i = 0; i < std::size(latest); ++i) {
        gone_peer const& g = latest[i].who ? latest[i] : m.left[i];
        if (!g.who || g.at - quiet_since < tolerance || exit - g.at > notices_within) continue;
        out.by = out.who ? holder::several : holders[i];
        out.who = g.who, out.shown = g.seq;
    }
    return out;
}

bool is_overdue(nanoseconds exit, model const& m) {
    return m.t0 != no_seq && m.drain_timeout && exit - m.drain_from() > m.drain_timeout + coarse;
}

ref waits_for_itself(model const& m) {
    ref found;
    m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
        bool const waits =
            c.called_stop != no_seq && c.finished == no_seq && c.suspended != no_seq && c.suspended > c.called_stop;
        if (found || !waits || std::string_view(c.waits_on) != "stop") return;
        // A stop that has ended waits for nobody, and that of another server not for this coroutine.
        bool const of_server = c.called_on.type == entity::server;
        server_state const* const s = of_server ? m.servers.find(c.called_on.number) : nullptr;
        bool const over = s ? s->stopped != no_seq && s->stopped > c.called_stop : of_server && m.freed(c.called_on);
        ref const own = of_server ? m.server_of(c) : ref{};
        bool const elsewhere = own && own != c.called_on;
        if (!over && !elsewhere) found = {entity::coroutine, n};
    });
    return found;
}

} // namespace shutdown_repro::traces
