// Scopes, coroutines, requests, timers, loops, hooks, and the contract of stop.
#include <algorithm>
#include "tests/traces/rules/oracle_families.hpp"

namespace shutdown_repro::traces {
namespace {

struct died {
    bool of_signal = false, killed_or_crashed = false;
};

// How the main process ended, as far as the events before this position tell.
died how_it_ended(trace_facts const& f, int before) {
    died out;
    for (int i = 0; i < before; ++i) {
        if (f.what(i) == kind::assertion) out.of_signal = out.killed_or_crashed = true;
        if (f.what(i) != kind::process_exit || f.id(i).number != 1) continue;
        std::string_view const signal = f.at(i).text("signal");
        bool sent = false;
        for (int k = 0; k < before; ++k)
            sent |= f.what(k) == kind::process_signal && f.id(k).number == 1 && f.at(k).text("signal") == signal;
        out.of_signal |= !signal.empty();
        out.killed_or_crashed |= !signal.empty() && (!sent || signal == "SIGKILL");
    }
    return out;
}

// ---- scopes

// What is left in a scope when event i disposes of it: a coroutine in it or below it, or a used scope below it that is
// not being disposed; not what stands in a scope below that is still there and was reported already.
bool holds_anything(trace_facts const& f, ref scope, int i, refs const& reported, bool coroutines_only) {
    auto const is_reported = [&](ref from) {
        for (; from && from != scope; from = f.parent(from, i))
            if (reported.contains(from) && !f.is_freed(from, i)) return true;
        return false;
    };
    for (ref const c : f.all(entity::coroutine)) {
        ref const home = f.scope_of(c);
        bool const there = f.lives(c, i) && home && f.in(home, scope, i) && !is_reported(home);
        // A coroutine whose scope was disposed under it is that scope's.
        if (there && (home == scope || !f.is_freed(home, i))) return true;
    }
    if (coroutines_only) return false;
    for (ref const s : f.all(entity::scope))
        if (f.first(kind::scope_open, s) < i && f.below(s, scope, i) && !is_reported(s) && f.begins(s) > i &&
            f.used(s, i))
            return true;
    return false;
}

bool own_members(trace_facts const& f, ref scope, int i) {
    for (ref const c : f.all(entity::coroutine)) {
        bool const listed = std::ranges::count(f.at(i).ids_of("live"), c) > 0 && f.removed(c) > i;
        if (listed || (f.scope_of(c) == scope && f.lives(c, i))) return true;
    }
    return false;
}

bool has_undisposed_child(trace_facts const& f, ref scope, int i) {
    for (ref const s : f.all(entity::scope)) {
        bool direct = f.first(kind::scope_open, s) < i;
        for (ref r = f.parent(s, i); r != scope && direct; r = f.parent(r, i)) direct = r && f.is_freed(r, i);
        if (direct && f.begins(s) > i) return true;
    }
    return false;
}

refs disposed_nonempty(trace_facts const& f) {
    refs reported;
    std::vector<ref> waiting; // for what the disposals below them do
    auto const report = [&](ref s, int i) {
        reported.insert(s);
        std::erase_if(waiting, [&](ref around) { return f.in(s, around, i); });
    };
    for (int i = 0; i < f.size(); ++i) {
        ref const s = f.id(i);
        bool const begins = f.what(i) == kind::scope_dispose, ends = f.what(i) == kind::scope_disposed;
        if ((!begins && !ends) || f.is_freed(s, i)) continue;
        if (f.begins(s) == i && own_members(f, s, i)) report(s, i);
        if (begins && has_undisposed_child(f, s, i) && !reported.contains(s)) waiting.push_back(s);
        if (!ends) continue;
        std::erase(waiting, s);
        if (!reported.contains(s) && holds_anything(f, s, i, reported, false)) report(s, i);
    }
    for (; !waiting.empty();) {
        ref const s = waiting.back();
        if (holds_anything(f, s, f.size(), reported, true)) report(s, f.size());
        std::erase(waiting, s);
    }
    return reported;
}

bool keeps_its_scopes(trace_facts const& f, ref server) {
    bool found = false;
    for (ref const s : f.all(entity::server)) {
        bool const alive =
            f.first(kind::server_open, s) != never && f.freed(s) == never && f.first(kind::act_free, s) == never;
        found |= alive && (!server || s == server);
    }
    return found;
}

refs leaked(trace_facts const& f) {
    refs found;
    for (ref const s : f.all(entity::scope)) {
        if (f.first(kind::scope_open, s) == never || f.disposed(s) != never) continue;
        bool kept = false;
        for (ref const held : f.all(entity::scope))
            kept |= f.in(held, s, f.size()) && f.owned(held) && f.disposed(held) == never &&
                keeps_its_scopes(f, f.server_of_scope(held, f.size()));
        if (!kept) found.insert(s);
    }
    return found;
}

refs disposed_twice(trace_facts const& f) {
    refs found;
    for (int j = 0; j < f.size(); ++j)
        for (int k = j + 1; k < f.size(); ++k) {
            bool const same = f.id(j) == f.id(k), later = f.what(k) == kind::scope_dispose;
            if (same && f.what(j) == kind::scope_disposed && (later || f.what(k) == kind::scope_disposed))
                found.insert(f.id(k));
            if (same && f.what(j) == kind::scope_dispose && later) found.insert(f.id(k));
        }
    return found;
}

bool dropped_submission(trace_facts const& f, ref c) {
    int const since = f.known_since(c);
    if (since == never || f.what(since) != kind::coroutine_spawn || !f.scope_of(c)) return false;
    bool const closed = f.first_of({kind::scope_closed, kind::scope_disposed}, f.scope_of(c)) < since;
    return closed && f.first(kind::coroutine_start, c) > f.removed(c) - (f.removed(c) == never);
}

// ---- coroutines

bool is_named_background(trace_facts const& f, ref c, int i) {
    return f.background(c, i) && f.asked(f.server_of_coroutine(c, i), i);
}

refs cancelled_not_awaited(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        bool const stops = f.what(i) == kind::server_stopped;
        if (!stops && f.what(i) != kind::server_free) continue;
        for (ref const c : f.all(entity::coroutine)) {
            bool around = false; // its scope is around one that an object holds
            ref const home = f.scope_of(c);
            int const until = home ? std::min(i, f.disposed(home)) : i;
            for (ref const s : f.all(entity::scope))
                around |= home && f.disposed(home) > f.known_since(c) && f.first(kind::scope_open, s) < until &&
                    f.below(s, home, until) && f.owned(s);
            ref const server = f.server_of_coroutine(c, i);
            bool const its_end = server ? server == f.id(i) : !f.other_server_runs(f.id(i), i);
            if (f.lives(c, i) && f.cancelled(c, i) && !around && !f.outside(c) && its_end &&
                !(stops && f.at(i).by == c))
                found.insert(f.id(i));
        }
    }
    return found;
}

ref deadlocked(trace_facts const& f, int i) {
    for (ref const c : f.all(entity::coroutine)) {
        int called = -1;
        for (int k = 0; k < std::min(i, f.size()); ++k)
            if (f.what(k) == kind::act_stop && f.at(k).by == c && f.lives(c, k - 1)) called = k;
        int const since = f.suspended_at(c, i);
        if (called < 0 || since < called || !f.lives(c, i) || f.finish(c) < i || f.at(since).text("on") != "stop")
            continue;
        ref const server = f.id(called), own = f.server_of_coroutine(c, i);
        if (server.type == entity::server) {
            bool const over = f.is_freed(server, i) ||
                (f.last(kind::server_stopped, server, i) > called && !f.is_freed(server, called));
            if (over || (own && own != server)) continue;
        }
        return c;
    }
    return {};
}

refs lost(trace_facts const& f, bool complete) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        ref const c = f.id(i);
        if (f.what(i) == kind::coroutine_finish && f.finish(c) == i && f.lives(c, i) && f.suspended_at(c, i) >= 0 &&
            !f.readied(c, i) && !f.at(i).integer("queued") && !is_named_background(f, c, i))
            found.insert(c);
        if (f.what(i) == kind::coroutine_remove && f.removed(c) == i && f.known_since(c) < i && f.finish(c) > i &&
            !dropped_submission(f, c) && !is_named_background(f, c, i))
            found.insert(c);
        bool const stalls = f.what(i) == kind::loop_stop && f.at(i).text("why") == "stall";
        if (!stalls || f.stop() > i || f.other_loop_runs(c, i)) continue;
        for (ref const left : f.all(entity::coroutine))
            if (f.lives(left, i) && f.finish(left) > i && left != deadlocked(f, i)) found.insert(left);
    }
    for (ref const c : f.all(entity::coroutine))
        if (complete && f.lives(c, f.size()) && f.finish(c) == never && !dropped_submission(f, c) &&
            !is_named_background(f, c, f.size()) && c != deadlocked(f, f.size()))
            found.insert(c);
    return found;
}

refs spawned_after_close(trace_facts const& f, bool complete) {
    refs found;
    for (ref const c : f.all(entity::coroutine))
        if (dropped_submission(f, c) && f.finish(c) > f.removed(c) - (f.removed(c) == never) &&
            (complete || f.removed(c) != never))
            found.insert(c);
    return found;
}

refs run_after_finish(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        ref const c = f.id(i);
        bool const resumes = f.what(i) == kind::coroutine_resume, starts = f.what(i) == kind::coroutine_start;
        if (!resumes && !starts) continue;
        if (f.is_freed(c, i)) {
            if (resumes) found.insert(c);
        } else if (f.finish(c) < i) {
            bool const in_hook = f.suspended_at(c, i) > f.finish(c);
            if (!(resumes && in_hook)) found.insert(c);
        }
    }
    return found;
}

refs finished_while_queued(trace_facts const& f) {
    refs found;
    for (ref const c : f.all(entity::coroutine)) {
        int const i = f.finish(c);
        if (i != never && f.lives(c, i) && (f.readied(c, i) || f.at(i).integer("queued"))) found.insert(c);
    }
    return found;
}

refs background_lost(trace_facts const& f, bool complete, bool killed) {
    refs found;
    int exit = never;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::process_exit && f.id(i).number == 1) exit = i;
    for (ref const c : f.all(entity::coroutine)) {
        int const done = f.finish(c), gone = f.removed(c);
        if (done != never && f.lives(c, done) && is_named_background(f, c, done)) {
            std::string_view const result = f.at(done).text("result");
            if (result == "cancelled" || result == "never ran" || result == "destroyed" || f.suspended_at(c, done) >= 0)
                found.insert(c);
        }
        bool const dropped = gone != never && f.known_since(c) < gone && done > gone;
        if (dropped && is_named_background(f, c, gone)) found.insert(c);
        bool const left = f.lives(c, f.size()) && done == never && is_named_background(f, c, f.size());
        if (left && (exit != never ? !killed : complete)) found.insert(c);
    }
    return found;
}

// ---- requests, and what was freed

refs unfinished(trace_facts const& f) {
    refs found;
    for (ref const r : f.all(entity::request)) {
        int const finish = f.first(kind::request_finish, r);
        if (finish == never && f.first_of({kind::request_begin, kind::request_respond}, r) != never) found.insert(r);
    }
    return found;
}

refs finished_twice(trace_facts const& f) {
    refs found;
    for (ref const r : f.all(entity::request))
        if (f.count(kind::request_finish, r, f.size()) > 1) found.insert(r);
    return found;
}

refs used_after_free(trace_facts const& f) {
    using enum kind;
    static std::set<kind> const uses{server_listen, server_ready, server_close, server_stopped, server_destroy,
        server_free, act_stop, act_free, scope_open, scope_attach, scope_cancel, scope_cancelled, scope_closed,
        scope_catch, scope_notify, scope_unref, scope_access, coroutine_spawn, coroutine_start, coroutine_suspend,
        coroutine_cancel, coroutine_zombie, coroutine_finish, coroutine_hook, coroutine_remove};
    static std::set<entity> const types{entity::server, entity::scope, entity::coroutine};
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        kind const k = f.what(i);
        ref const within = f.at(i).parent;
        bool const enters = k == scope_open || k == coroutine_spawn || k == connection_open || k == hook_add;
        bool const said = k == scope_access && f.at(i).integer("freed");
        if (said || (uses.contains(k) && types.contains(f.id(i).type) && f.is_freed(f.id(i), i))) found.insert(f.id(i));
        else if (enters && types.contains(within.type) && f.is_freed(within, i)) found.insert(within);
    }
    return found;
}

refs entered_after_free(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::callback_enter && f.is_freed(f.id(i), i)) found.insert(f.id(i));
    return found;
}

refs notified_after_free(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::listener_wake && f.what(i) != kind::hook_begin) continue;
        ref subject = f.at(i).parent;
        for (int k = i - 1; !subject && k >= 0; --k) {
            if (f.what(k) == kind::hook_add && f.id(k) == f.id(i)) subject = f.at(k).parent;
            if (f.what(k) == kind::scope_attach && f.at(k).id_of("listener") == f.id(i)) subject = f.id(k);
        }
        if (subject && f.is_freed(subject, i)) found.insert(subject);
    }
    return found;
}

refs freed_before_dependant(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        ref const dependant = f.id(i), provider = f.at(i).id_of("on");
        if (f.what(i) != kind::object_depend || !provider || provider == dependant || f.is_freed(dependant, i))
            continue;
        if (f.freed(provider) != never && f.freed(provider) < f.freed(dependant)) found.insert(provider);
    }
    return found;
}

// ---- loops and timers

// When the loop ended before event i and did not run again until then; of no loop, when the last of all did.
int ended(trace_facts const& f, ref loop, int i) {
    if (loop.type == entity::loop) {
        int const latest = f.last_of({kind::loop_start, kind::loop_stop}, loop, i);
        return latest >= 0 && f.what(latest) == kind::loop_stop ? latest : -1;
    }
    int latest = -1;
    for (ref const l : f.all(entity::loop)) latest = std::max(latest, ended(f, l, i));
    return f.other_loop_runs({}, i - 1) ? -1 : latest;
}

bool is_users_one_shot(event const& arm) {
    std::string_view const what = arm.text("what");
    return !arm.integer("recurring") && (what.empty() || what == "user" || what == "handler" || what == "stop");
}

refs timers_lost(trace_facts const& f) {
    refs found;
    int exit = never;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::process_exit && f.id(i).number == 1) exit = i;
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::timer_arm || !is_users_one_shot(f.at(i))) continue;
        ref const timer = f.id(i), loop = f.at(i).parent;
        int const over = f.first_of({kind::timer_arm, kind::timer_fire, kind::timer_cancel}, timer, i + 1);
        if (over == never) {
            if (ended(f, loop, f.size()) >= 0 || exit != never) found.insert(timer);
        } else if (f.what(over) == kind::timer_fire) {
            int const end = ended(f, loop, over);
            if (end >= 0 && f.first(kind::loop_start, f.id(end), over) == never) found.insert(timer);
        }
    }
    return found;
}

refs timers_after_free(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::timer_fire) continue;
        int const arm = f.last(kind::timer_arm, f.id(i), i);
        ref const owner = arm < 0 ? ref{} : f.at(arm).id_of("owner");
        if (owner && f.is_freed(owner, i)) found.insert(f.id(i));
    }
    return found;
}

refs stopped_with_work(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::loop_stop || f.first(kind::loop_start, f.id(i), i) != never) continue;
        for (std::string_view const key : {"ready", "queued", "writing", "due"})
            if (f.at(i).integer(key) > 0) found.insert(f.id(i));
    }
    return found;
}

refs uncaught(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        bool const ends = f.what(i) == kind::loop_stop && f.at(i).text("why") == "uncaught error";
        if (f.stop() < i && (ends || f.what(i) == kind::loop_error)) found.insert(f.id(i));
    }
    return found;
}

// ---- hooks and the contract of stop

bool is_end_of(trace_facts const& f, int i, ref owner) {
    bool const server = f.what(i) == kind::server_stopped || f.what(i) == kind::server_free;
    if (!server && f.what(i) != kind::loop_stop) return false;
    if (owner.type == entity::server || owner.type == entity::loop) return f.id(i) == owner;
    return server ? !f.other_server_runs(f.id(i), i) : !f.other_loop_runs(f.id(i), i);
}

// The fate of the hook that event `added` registers.
bool is_skipped(trace_facts const& f, int added, bool complete) {
    ref const hook = f.id(added);
    ref owner = f.at(added).parent;
    int begun = never, skipped = never;
    bool early = false;
    for (int i = added + 1; i < f.size(); ++i) {
        bool const here = f.id(i) == hook;
        if (here && f.what(i) == kind::hook_add) return false; // registered anew
        if (here && f.what(i) == kind::hook_begin) {
            if (!owner) owner = f.at(i).parent;
            bool const counts = f.asked(owner, i);
            if (skipped == never && counts) begun = i;
            if (skipped == never && !counts) early = true;
        }
        if (here && f.what(i) == kind::hook_end) {
            if (!early && f.asked(owner, i) && skipped == never) return false;
            early = false;
        }
        if (here && f.what(i) == kind::object_free) return begun != never;
        if (f.what(i) == kind::loop_start && f.id(i) == owner) skipped = never;
        if (!is_end_of(f, i, owner) || !f.asked(owner, i) || skipped != never) continue;
        if (begun != never || f.what(i) != kind::loop_stop) return true;
        skipped = i;
    }
    return complete && f.asked(owner, f.size());
}

refs hooks_skipped(trace_facts const& f, bool complete) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::hook_add && is_skipped(f, i, complete)) found.insert(f.id(i));
    return found;
}

refs returned_early(trace_facts const& f) {
    refs found, told;
    for (int i = 0; i < f.size(); ++i) {
        bool const exits =
            f.what(i) == kind::process_exit && f.id(i).number == 1 && !how_it_ended(f, i + 1).killed_or_crashed;
        if (f.what(i) != kind::server_stopped && !exits) continue;
        refs now;
        for (ref const r : f.all(entity::request)) {
            bool const begun = f.first_of({kind::request_begin, kind::request_respond}, r) < i;
            if (!begun || f.first(kind::request_finish, r) < i) continue;
            ref const server = f.first(kind::request_begin, r) < i ? f.server_of_request(r) : ref{};
            bool const its_end = server ? server == f.id(i) : !f.other_server_runs(f.id(i), i);
            if (exits ? !told.contains(r) : its_end) now.insert(r);
        }
        if (!now.empty()) found.insert(f.id(i));
        told.insert(now.begin(), now.end());
    }
    return found;
}

refs waits_for_its_own_stop(trace_facts const& f, bool complete) {
    refs found;
    for (int i = 0; i < f.size(); ++i) {
        bool const stalls = f.what(i) == kind::loop_stop && f.at(i).text("why") == "stall";
        bool const killed =
            f.what(i) == kind::process_exit && f.id(i).number == 1 && f.at(i).text("signal") == "SIGKILL";
        if (stalls || killed) found.insert(deadlocked(f, i));
    }
    if (complete) found.insert(deadlocked(f, f.size()));
    found.erase(ref{});
    return found;
}

} // namespace

verdicts inside_verdicts(trace_facts const& f, bool complete) {
    died const end = how_it_ended(f, f.size());
    complete &= !end.of_signal;
    return {
        {"scope-disposed-nonempty", disposed_nonempty(f)},
        {"scope-leaked", complete ? leaked(f) : refs{}},
        {"scope-disposed-twice", disposed_twice(f)},
        {"spawn-after-close", spawned_after_close(f, complete)},
        {"cancelled-not-awaited", cancelled_not_awaited(f)},
        {"coroutine-lost", lost(f, complete)},
        {"coroutine-resumed-after-finish", run_after_finish(f)},
        {"finalized-while-queued", finished_while_queued(f)},
        {"finish-event-lost", complete ? unfinished(f) : refs{}},
        {"finish-event-doubled", finished_twice(f)},
        {"access-after-free", used_after_free(f)},
        {"timer-lost", complete ? timers_lost(f) : refs{}},
        {"timer-after-destroy", timers_after_free(f)},
        {"callback-after-destroy", entered_after_free(f)},
        {"listener-notified-after-free", notified_after_free(f)},
        {"destroy-order-inverted", freed_before_dependant(f)},
        {"shutdown-hook-skipped", hooks_skipped(f, complete)},
        {"loop-stopped-with-pending-work", stopped_with_work(f)},
        {"unhandled-exception-at-stop", uncaught(f)},
        {"background-work-lost", background_lost(f, complete, end.killed_or_crashed)},
        {"stop-returned-early", returned_early(f)},
        {"stop-from-handler-deadlock", waits_for_its_own_stop(f, complete)},
    };
}

} // namespace shutdown_repro::traces
