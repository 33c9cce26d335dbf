// How processes end and what they leave behind, and the way of the stop's signal to them.
#include <algorithm>
#include "tests/traces/rules/oracle_families.hpp"

namespace shutdown_repro::traces {
namespace {

bool is_stopped_by_others(trace_facts const& f, int i) {
    return f.stop() < i && f.what(f.stop()) == kind::act_stop && f.at(f.stop()).find("how");
}

bool is_fault_signal(std::string_view s) {
    return s == "SIGSEGV" || s == "SIGABRT" || s == "SIGBUS" || s == "SIGFPE" || s == "SIGILL" || s == "SIGSYS" ||
        s == "SIGTRAP";
}

// Whether the process dies there of a signal that was not sent to it; a command or a request that stops the server may
// send any signal that is no fault, and so may a parent to its worker.
bool crashes(trace_facts const& f, int i) {
    std::string_view const signal = f.at(i).text("signal");
    if (f.what(i) != kind::process_exit || signal.empty() || f.was_sent(f.id(i), signal, i)) return false;
    return is_fault_signal(signal) || (f.id(i) == main_process && !is_stopped_by_others(f, i));
}

refs crashed(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (crashes(f, i)) found.insert(f.id(i));
    return found;
}

// The event at which a process died of the SIGKILL that it was sent, or never.
int killed_at(trace_facts const& f, ref process) {
    int const exit = f.first(kind::process_exit, process);
    bool const killed = exit != never && f.at(exit).text("signal") == "SIGKILL" && f.was_sent(process, "SIGKILL", exit);
    return killed ? exit : never;
}

refs with_kind(trace_facts const& f, kind k) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == k) found.insert(f.id(i));
    return found;
}

refs still_listens(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::process_port && f.at(i).integer("listening")) found.insert(f.id(i));
    return with_kind(f, kind::process_orphan).empty() ? found : refs{};
}

refs leaks_files(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::process_files || f.at(i).text("when") != "drained" || f.stop() > i) continue;
        std::int64_t ready = f.at(i).integer("open");
        for (int k = 0; k < i; ++k)
            if (f.what(k) == kind::process_files && f.id(k) == f.id(i) && f.at(k).text("when") == "ready")
                ready = f.at(k).integer("open");
        if (f.at(i).integer("open") > ready || f.at(i).integer("close_wait") > 0) found.insert(f.id(i));
    }
    return found;
}

refs effects_missing(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::process_effect && f.at(i).find("there") && !f.at(i).integer("there") &&
            killed_at(f, main_process) > i)
            found.insert(f.id(i));
    return found;
}

// ---- failed assertions

bool ends_badly(trace_facts const& f, int i) {
    event const& e = f.at(i);
    std::string_view const signal = e.text("signal");
    if (!signal.empty()) return !f.was_sent(f.id(i), signal, i);
    return e.integer("status") != 0 && !e.integer("accepted");
}

bool aborts(event const& exit) {
    constexpr int of_a_shell = 134;
    std::string_view const signal = exit.text("signal");
    return signal.empty() ? exit.integer("status") == of_a_shell : is_fault_signal(signal);
}

// Whether a process ended by the assertion that it printed there.
bool ended_by_assertion(trace_facts const& f, int i) {
    bool const can_be_caught = f.at(i).text("text").starts_with("AssertionError");
    bool any_exit = false, aborted = false;
    for (int k = 0; k < f.size(); ++k) {
        if (f.what(k) != kind::process_exit) continue;
        any_exit = true;
        aborted |= k > i && aborts(f.at(k));
    }
    if (!can_be_caught && (!any_exit || aborted)) return true;
    if (f.stop() != never && f.stop() > i) return false; // it survived until the stop
    int const own = f.first(kind::process_exit, f.id(i)), first = f.first(kind::process_exit, main_process);
    if (own != never) return own > i && ends_badly(f, own);
    if (first == never) return false;
    return f.at(first).text("signal").empty() ? f.at(first).integer("status") != 0 : crashes(f, first);
}

refs asserted(trace_facts const& f) {
    refs found = with_kind(f, kind::assertion);
    for (int i = 0; i < f.size(); ++i) {
        std::string_view const text = f.at(i).text("text");
        bool const prints = f.what(i) == kind::process_stderr && f.at(i).text("output") != "stdout";
        bool recorded = false;
        for (int k = 0; k < f.size(); ++k)
            recorded |= f.what(k) == kind::assertion && text.find(f.at(k).text("message")) != text.npos;
        if (prints && !recorded && ended_by_assertion(f, i)) found.insert(f.id(i));
    }
    return found;
}

// ---- wrappers, and process 1 of a namespace

bool serves(trace_facts const& f, ref process, int i) {
    bool listens = false;
    for (int k = 0; k < i; ++k)
        if (f.what(k) == kind::process_files && f.id(k) == process && f.at(k).text("when") == "ready")
            listens = f.at(k).integer("listens");
    return listens;
}

bool is_told_to_first(trace_facts const& f) {
    if (f.stop() == never || f.what(f.stop()) != kind::process_signal) return false;
    std::string_view const to = f.at(f.stop()).text("to", "first");
    return to == "first" || to == "pid1";
}

refs not_forwarded(trace_facts const& f) {
    if (!is_told_to_first(f)) return {};
    refs found;
    for (int i = 0; i < f.size() && found.empty(); ++i) { // the process that serves exits when it is told itself
        bool told = false;
        for (int k = 0; k < i; ++k)
            told |= f.what(k) == kind::process_signal && f.id(k) == f.id(i) && f.at(k).integer("direct");
        if (f.what(i) == kind::process_exit && told && f.at(i).text("signal") != "SIGKILL" && f.stop() < i)
            found.insert(f.id(i));
    }
    for (int i = 0; i < f.size() && found.empty(); ++i) // as it did with no client connected
        if (f.what(i) == kind::process_ready && f.at(i).find("rest_unforwarded")) found.insert(f.id(f.stop()));
    return found;
}

refs exits_first(trace_facts const& f) {
    int const exit = f.first(kind::process_exit, main_process);
    if (exit == never || f.stop() > exit || f.was_sent(main_process, "SIGKILL", exit)) return {};
    for (int i = 0; i < f.size(); ++i) {
        bool const exits = f.what(i) == kind::process_exit, orphan = f.what(i) == kind::process_orphan;
        if (f.id(i) == main_process || (!exits && !orphan) || !serves(f, f.id(i), i)) continue;
        bool const late = i > exit && f.at(i).t - f.at(exit).t > 500'000'000;
        bool const dragged_along = exits && f.at(i).integer("with_first");
        if (dragged_along ? i < exit : late && !(exits && f.was_sent(f.id(i), "SIGKILL", i))) return {main_process};
    }
    return {};
}

bool is_deaf_as_pid1(event const& status) {
    bool const takes = status.integer("caught", 1) || status.integer("ignored") || status.integer("blocked") ||
        status.integer("awaited");
    return status.what == kind::process_status && status.integer("pid1") && !takes;
}

refs ignored_as_pid1(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        int const killed = std::min(killed_at(f, f.id(i)), killed_at(f, main_process));
        if (is_deaf_as_pid1(f.at(i)) && killed != never && killed > i && f.stop() < killed) found.insert(f.id(i));
    }
    return found;
}

refs unhandled(trace_facts const& f) {
    refs found;
    bool deaf_pid1 = false;
    for (int i = 0; i < f.size(); ++i) {
        event const& e = f.at(i);
        deaf_pid1 |= is_deaf_as_pid1(e);
        if (f.what(i) == kind::process_status && f.stop() > i && f.stop() != never && !deaf_pid1) {
            int const exit = f.first(kind::process_exit, f.id(i), i);
            bool const by_itself = exit != never && f.at(exit).find("status");
            bool const takes = e.integer("caught", 1) && !e.integer("ignored") && !e.integer("blocked");
            if (!takes && !e.integer("awaited") && !by_itself && not_forwarded(f).empty()) found.insert(f.id(i));
        }
        bool const dies = f.what(i) == kind::process_exit && f.id(i) == main_process && !e.text("signal").empty();
        if (dies && is_stopped_by_others(f, i) && !crashes(f, i) && !f.was_sent(main_process, e.text("signal"), i))
            found.insert(f.id(i));
    }
    return found;
}

// ---- a stop that came too early

int ready_at(trace_facts const& f) {
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::process_ready || f.what(i) == kind::server_ready) return i;
    return never;
}

refs too_early(trace_facts const& f, bool at_startup) {
    int const t0 = f.stop(), killed = killed_at(f, main_process);
    if (t0 > killed || killed == never || bool(f.at(t0).find("startup")) != at_startup) return {};
    int ready = ready_at(f), listens = never;
    if (ready > killed) ready = never;
    for (int i = t0; i >= 0; --i)
        if (f.what(i) == kind::server_listen) listens = i;
    if (at_startup) return ready != never && ready > t0 && !f.never_stops() ? refs{main_process} : refs{};
    bool const before_ready = ready == never ? listens < t0 : ready > t0;
    return before_ready ? refs{main_process} : refs{};
}

// ---- by what the other rules report

refs killed_for_no_reason(trace_facts const& f, verdicts const& others) {
    int const killed = killed_at(f, main_process);
    bool after_stop = false;
    for (int i = f.stop() + 1; i < std::min(killed, f.size()); ++i)
        after_stop |=
            f.what(i) == kind::process_signal && f.id(i) == main_process && f.at(i).text("signal") == "SIGKILL";
    if (killed == never || !after_stop) return {};
    for (std::string_view const rule : {"drain-timeout-exceeded", "drain-starved", "silent-connection-blocks-stop",
             "idle-connection-blocks-stop", "stream-blocks-stop", "stop-before-start-race", "stop-lost-at-startup",
             "stop-signal-not-forwarded", "pid1-ignores-signal", "stop-from-handler-deadlock"})
        if (!others.at(rule).empty()) return {};
    return {main_process};
}

// Whether a client gave up, or could not read what it got: then nobody knows whether its request was lost.
bool anybody_failed(trace_facts const& f) {
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::client_fail || f.role(f.id(i), i) == "readiness") continue;
        for (int k = 0; k < i; ++k) {
            bool ended = false;
            for (int j = k + 1; j < i; ++j)
                ended |= f.id(j) == f.id(k) && f.at(j).id_of("request") == f.at(k).id_of("request") &&
                    (f.what(j) == kind::client_done || f.what(j) == kind::client_fail);
            bool const whole = f.what(k) == kind::client_send && f.at(k).text("part") != "head-half";
            bool const meant = !f.one_stream_only(i) || f.at(k).id_of("request") == f.at(i).id_of("request");
            if (whole && meant && f.id(k) == f.id(i) && !ended) return true;
        }
    }
    return false;
}

refs wrong_status(trace_facts const& f, bool complete, verdicts const& others) {
    int const exit = f.first(kind::process_exit, main_process);
    if (exit == never || f.stop() == never || !f.at(exit).text("signal").empty()) return {};
    event const& e = f.at(exit);
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::assertion) return {};
    if (!e.find("status") || !e.find("accepted") || f.at(f.stop()).find("startup")) return {};
    bool received = false, any = false;
    for (std::string_view const rule : {"connection-reset-inflight", "closed-with-unread-request", "response-truncated",
             "response-short-framed", "goaway-stream-loss", "stop-not-idempotent"})
        received |= !others.at(rule).empty();
    for (std::string_view const rule : {"keepalive-race-reset", "partial-request-dropped", "stop-signal-not-graceful"})
        any |= !others.at(rule).empty();
    for (ref const r : others.at("backlog-reset")) any |= r.type == entity::request; // and not only a connection
    if (received && e.integer("status") == 0) return {main_process};
    bool const none_lost = !received && !any && !anybody_failed(f);
    return none_lost && complete && !e.integer("accepted") ? refs{main_process} : refs{};
}

} // namespace

verdicts process_verdicts(trace_facts const& f) {
    return {
        {"crash-on-stop", crashed(f)},
        {"assertion-failed", asserted(f)},
        {"port-not-released", still_listens(f)},
        {"orphan-process", with_kind(f, kind::process_orphan)},
        {"fd-leak", leaks_files(f)},
        {"effect-missing", effects_missing(f)},
        {"stop-signal-not-forwarded", not_forwarded(f)},
        {"wrapper-exits-first", exits_first(f)},
        {"wrapper-exits-first, an error", f.told_at_start("pid1") ? exits_first(f) : refs{}},
        {"pid1-ignores-signal", ignored_as_pid1(f)},
        {"stop-signal-unhandled", unhandled(f)},
        {"stop-before-start-race", too_early(f, false)},
        {"stop-lost-at-startup", too_early(f, true)},
    };
}

verdicts end_verdicts(trace_facts const& f, bool complete, verdicts const& others) {
    return {
        {"killed-after-grace", killed_for_no_reason(f, others)},
        {"exit-status-misleading", wrong_status(f, complete, others)},
    };
}

} // namespace shutdown_repro::traces
