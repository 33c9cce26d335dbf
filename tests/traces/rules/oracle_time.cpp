// How long a stop takes, and what it waits for, as it can be told from outside.
#include <algorithm>
#include <array>
#include "tests/traces/rules/oracle_families.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr nanoseconds felt = 250 * millisecond, second = 1000 * millisecond, endless = 1LL << 62;

int open_requests(trace_facts const& f, ref client, int i) {
    int open = 0;
    for (int k = 0; k < i; ++k) {
        if (f.id(k) != client) continue;
        if (f.what(k) == kind::client_send && f.at(k).text("part") != "rest") ++open;
        if ((f.what(k) == kind::client_done || f.what(k) == kind::client_fail) && open > 0) --open;
    }
    return open;
}

// What a connection is to a stop, just before event i.
enum class bond : std::uint8_t { silent, idle, stream, working, none };

bool ends_connection_at(trace_facts const& f, int k) {
    if (f.what(k) == kind::client_closed || f.what(k) == kind::client_leave) return true;
    if (f.what(k) == kind::client_fail) return !f.at(k).find("stream");
    bool const closes = f.at(k).integer("close") && !f.at(k).find("stream");
    return f.what(k) == kind::client_done && closes && open_requests(f, f.id(k), k) <= 1;
}

// When the connection ended before event i, or never.
int ended_connection(trace_facts const& f, ref client, int i) {
    for (int k = 0; k < i; ++k)
        if (f.id(k) == client && ends_connection_at(f, k)) return k;
    return never;
}

bond bond_of(trace_facts const& f, ref client, int i) {
    std::string_view const role = f.role(client, i);
    int const connected = f.first_of({kind::client_connected, kind::client_send}, client);
    int const open = open_requests(f, client, i);
    if (connected >= i || role == "late" || role == "readiness" || role == "backlog" || role == "traffic")
        return bond::none;
    if (!open && f.stop() < i && connected > f.stop()) return bond::none;
    if (f.first(kind::client_send, client) >= i) return bond::silent;
    if (!open) return bond::idle;
    return role == "stream" ? bond::stream : bond::working;
}

// The end of the last work before the exit. The end of a response that has none, or of a connection for which no stop
// waits, is no work; neither is the end of an idle one.
nanoseconds last_work(trace_facts const& f, int exit) {
    nanoseconds last = 0;
    for (int i = 0; i < exit; ++i) {
        bool const closed = f.what(i) == kind::client_closed;
        if (!closed && f.what(i) != kind::client_done && f.what(i) != kind::client_fail) continue;
        if (closed && open_requests(f, f.id(i), i) == 0) continue;
        bool const known = f.begins_client(f.id(i)) < i && ended_connection(f, f.id(i), i) == never;
        bond const b = bond_of(f, f.id(i), i);
        if (!known || (b != bond::stream && b != bond::none)) last = f.at(i).t;
    }
    return last;
}

struct rest_time {
    bool measured = false, killed = false;
    nanoseconds took = 0;
};

rest_time at_rest(trace_facts const& f) {
    rest_time out;
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::process_ready) continue;
        out.killed |= f.at(i).integer("rest_killed");
        if (f.at(i).find("rest_ns")) out.measured = true, out.took = f.at(i).integer("rest_ns");
    }
    return out;
}

bool takes_as_long_without_clients(trace_facts const& f, int exit) {
    rest_time const rest = at_rest(f);
    nanoseconds const took = f.at(exit).t - f.at(f.stop()).t;
    return rest.killed || (rest.measured && took <= rest.took + std::max(felt, rest.took / 4));
}

// Whether another execution showed that the exit does not follow the clients, or none could show that it does.
bool does_not_follow(event const& exit) {
    std::int64_t const left = exit.integer("left_sooner_ns"), exited = exit.integer("exited_sooner_ns");
    bool const tried = exit.find("left_sooner_ns");
    bool const follows = left >= 0 ? 2 * exited >= left : 2 * exited <= left;
    return exit.integer("cause_unknown") || (tried && !follows);
}

bool is_late(trace_facts const& f, int exit) {
    std::int64_t const timeout = f.told_at_start("drain_timeout") * millisecond;
    return timeout > 0 && f.at(exit).t - f.drains_from() > timeout + second;
}

// The client whose traffic the exit followed; none if it did not.
ref starved_by(trace_facts const& f, int exit) {
    int traffic = -1;
    for (int i = 0; i < exit; ++i)
        if (f.what(i) == kind::client_traffic) traffic = i;
    nanoseconds const from = f.drains_from(), at = f.at(exit).t;
    if (traffic < 0 || at - from < felt) return {};
    nanoseconds const over = f.at(traffic).t;
    bool const goes = f.at(traffic).integer("going");
    bool const held =
        goes ? f.was_sent(main_process, "SIGKILL", exit) : over - from > felt && at - over <= second + at_rest(f).took;
    return held ? f.id(traffic) : ref{};
}

struct waited_for {
    bool work = false;
    std::array<ref, 3> who = {}; // by bond: the client whose end the exit followed
};

// What was left after the last work: a connection that still was there at the exit, or the last that ended before.
waited_for left_at(trace_facts const& f, int exit) {
    waited_for out;
    nanoseconds const at = f.at(exit).t, quiet = std::max(f.drains_from(), last_work(f, exit));
    nanoseconds const notices = at_rest(f).measured && !f.was_sent(main_process, "SIGKILL", exit) ? endless : felt;
    out.work = at - quiet < felt;
    for (bond const b : {bond::silent, bond::idle, bond::stream}) {
        int last = -1;
        ref who, open;
        for (ref const c : f.all(entity::client)) {
            int const end = ended_connection(f, c, exit);
            if (end == never && bond_of(f, c, exit) == bond::working) out.work = true;
            if (end == never && bond_of(f, c, exit) == b && !open) open = c;
            if (end != never && bond_of(f, c, end) == b && end > last) last = end, who = c;
        }
        if (open) who = open;
        nanoseconds const left = open ? at : last < 0 ? 0 : f.at(last).t;
        if (who && left - quiet >= felt && at - left <= notices) out.who[static_cast<std::size_t>(b)] = who;
    }
    return out;
}

bool any_open(trace_facts const& f, int exit) {
    for (ref const c : f.all(entity::client))
        if (ended_connection(f, c, exit) == never && bond_of(f, c, exit) != bond::none) return true;
    return false;
}

bool is_delay_for_nothing(trace_facts const& f, int exit) {
    rest_time const rest = at_rest(f);
    nanoseconds const accepts = f.drains_from() - f.at(f.stop()).t;
    nanoseconds const drained = f.at(exit).t - f.drains_from();
    if (rest.measured && !rest.killed)
        return drained >= 2 * second && rest.took - accepts >= 2 * second && takes_as_long_without_clients(f, exit);
    nanoseconds const timeout = f.told_at_start("drain_timeout") * millisecond;
    if (timeout < 2 * felt || drained < timeout - felt || any_open(f, exit)) return false;
    nanoseconds busy_until = std::max(f.drains_from(), last_work(f, exit));
    for (ref const c : f.all(entity::client)) {
        int const end = ended_connection(f, c, exit);
        if (end == never) continue;
        bond const b = bond_of(f, c, end);
        if (b != bond::none && b != bond::working) busy_until = std::max(busy_until, f.at(end).t);
    }
    return f.at(exit).t - busy_until >= timeout / 2;
}

} // namespace

verdicts time_verdicts(trace_facts const& f) {
    verdicts out;
    for (std::string_view const rule : {"drain-timeout-exceeded", "idle-connection-blocks-stop",
             "silent-connection-blocks-stop", "stream-blocks-stop", "drain-starved", "full-delay-without-work",
             "idle-connection-blocks-stop, an error", "stream-blocks-stop, an error", "drain-starved, an error"})
        out[rule];
    int const exit = f.first(kind::process_exit, main_process);
    if (exit == never || f.stop() > exit) return out;
    if (is_late(f, exit)) {
        out["drain-timeout-exceeded"].insert(main_process);
        return out;
    }
    bool const nobody = takes_as_long_without_clients(f, exit) || does_not_follow(f.at(exit));
    ref const traffic = nobody ? ref{} : starved_by(f, exit);
    if (traffic) out["drain-starved"].insert(traffic);
    waited_for const left = nobody || traffic ? waited_for{} : left_at(f, exit);
    auto const sorts = std::ranges::count_if(left.who, [](ref r) { return static_cast<bool>(r); });
    if (!left.work && sorts == 1) {
        if (left.who[0]) out["silent-connection-blocks-stop"].insert(left.who[0]);
        if (left.who[1]) out["idle-connection-blocks-stop"].insert(left.who[1]);
        if (left.who[2]) out["stream-blocks-stop"].insert(left.who[2]);
    }
    bool const killed = f.at(exit).text("signal") == "SIGKILL";
    if (killed) {
        out["drain-starved, an error"] = out["drain-starved"];
        out["idle-connection-blocks-stop, an error"] = out["idle-connection-blocks-stop"];
        out["stream-blocks-stop, an error"] = out["stream-blocks-stop"];
    }
    if (!traffic && !left.work && sorts == 0 && !killed && is_delay_for_nothing(f, exit))
        out["full-delay-without-work"].insert(main_process);
    return out;
}

} // namespace shutdown_repro::traces
