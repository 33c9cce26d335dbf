// The first report's system: the outcome and its message, where memory was touched, the tasks' results, who was in
// flight at free, the time of free, and for each object the order of its cancelled, zombie, finished, removed and
// disposed. Then the whole list of events, as far as both sides record them. Cells marked `glue` (the measuring host
// could have decided the outcome) and fields marked `order_sensitive` are advisory.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include "tests/conformance/conformance.hpp"

namespace shutdown_repro::conformance {
namespace {

using traces::entity;
using traces::event;
using traces::kind;

std::string ms(traces::nanoseconds t) { return std::to_string(t / 1'000'000); }

// One execution in terms of the cells.
struct observed {
    std::string out = "clean", msg, where, exit = "-";
    long freed_at = -1;
    std::map<std::string, std::string> inflight, tasks;
    std::vector<std::string> left_scopes;
    std::size_t left_tasks = 0;
    std::vector<std::string> events;
};

bool is_task(std::string const& name) { return name == "late" || name[0] == 'h' || name[0] == 'k'; }

class reader {
public:
    observed read(traces::trace const& t) {
        traces::ref last_actor; // the actor that was running when the process ended
        for (event const& e : t.events) {
            see(e);
            if (e.what != kind::process_exit) last_actor = e.by;
        }
        for (auto const& [id, one] : tasks_) {
            if (is_task(one.name)) seen_.tasks[one.name] = result(one);
            // A task during whose end the process died was removed, but did not finish its end.
            seen_.left_tasks += !one.removed || (seen_.out != "clean" && last_actor == id);
        }
        if (seen_.freed_at < 0) seen_.inflight = in_flight();
        for (auto const& [id, scope] : scopes_)
            if (!disposed_.count(id) && scope != "M") seen_.left_scopes.push_back(scope);
        if (seen_.out == "assert") seen_.events.push_back("ASSERT");
        else if (seen_.out == "asan") seen_.events.push_back("ASAN");
        else seen_.events.push_back("end");
        return seen_;
    }

private:
    struct task {
        std::string name, home, end;
        bool started = false, hard = false, zombie = false, zombie_first = false, removed = false, api_wait = false;
    };
    std::map<traces::ref, task> tasks_;
    std::map<traces::ref, std::string> scopes_;
    std::set<traces::ref> disposed_;
    std::map<traces::ref, std::string> listeners_;
    traces::nanoseconds now_ = -1;
    observed seen_;

    static std::string result(task const& t) {
        std::string r = t.end.empty() ? "unfinished" : t.end == "never ran" ? "never_ran" : t.end;
        if (t.zombie) r += "+zombie";
        if (t.zombie && t.hard) r += "+hard";
        return r;
    }
    std::map<std::string, std::string> in_flight() const {
        std::map<std::string, std::string> r;
        for (auto const& [id, t] : tasks_)
            if (is_task(t.name) && !t.removed)
                r[t.name] = !t.end.empty() ? "finishing"
                    : !t.started           ? "queued"
                    : t.zombie             ? "zombie"
                    : t.hard               ? "cancel_pending"
                                           : "suspended";
        return r;
    }
    std::string name(traces::ref r) const {
        if (auto i = scopes_.find(r); i != scopes_.end()) return i->second;
        if (auto i = tasks_.find(r); i != tasks_.end()) return i->second.name;
        if (auto i = listeners_.find(r); i != listeners_.end()) return i->second;
        return "?";
    }
    static std::string mode(event const& e) { return e.text("mode") == "safe" ? "soft" : "hard"; }
    static std::string in_parens(std::string_view error) {
        return error == "error"                                                     ? "(error)"
            : error == "cancellation" || error == "timeout" || error == "cancelled" ? "(cancel)"
                                                                                    : "(-)";
    }
    void token(std::string s) { seen_.events.push_back(std::move(s)); }

    void see(event const& e) {
        if (e.t != now_) token("t=" + ms(now_ = e.t));
        switch (e.what) {
        case kind::scope_open:
            scopes_[e.id] = e.text("name");
            if (e.text("name") != "M") token("open:" + name(e.id));
            break;
        case kind::coroutine_spawn:
            tasks_[e.id].name = e.text("name");
            token("spawn:" + name(e.id) + "@" + name(e.parent));
            break;
        case kind::coroutine_start:
            tasks_[e.id].started = true;
            token("run:" + name(e.id));
            break;
        case kind::coroutine_suspend: {
            bool const api = e.text("on") == "completion" || e.text("on") == "cancellation";
            tasks_[e.id].api_wait = api;
            if (!api) token("suspend:" + name(e.id));
            break;
        }
        case kind::coroutine_resume:
            if (tasks_[e.id].api_wait && name(e.id) == "main") break;
            token("resume:" + name(e.id) + in_parens(e.text("with")));
            break;
        case kind::coroutine_cancel:
            if (e.text("mode") == "unsafe") tasks_[e.id].hard = true;
            token("cancelco:" + name(e.id) + ":" + mode(e));
            break;
        case kind::coroutine_zombie:
            tasks_[e.id].zombie = true;
            tasks_[e.id].hard = false;
            token("zombie:" + name(e.id));
            break;
        case kind::coroutine_finish:
            tasks_[e.id].end = e.text("result");
            if (e.text("result") == "never ran") token("neverran:" + name(e.id) + "(cancel)");
            else
                token("finished:" + name(e.id) +
                    in_parens(e.text("result") == "failed"              ? "error"
                            : name(e.id) == "main" || name(e.id) == "L" ? ""
                                                                        : e.text("result")));
            break;
        case kind::coroutine_hook: token("hook:" + name(e.id)); break;
        case kind::coroutine_remove:
            tasks_[e.id].removed = true;
            token("removed:" + name(e.id));
            break;
        case kind::scope_attach:
            listeners_[e.id_of("listener")] = "L";
            token("attach:L");
            break;
        case kind::scope_cancel: token("cancelscope:" + name(e.id) + ":" + mode(e)); break;
        case kind::scope_cancelled: token("cancelled:" + name(e.id)); break;
        case kind::scope_closed: token("closed:" + name(e.id)); break;
        case kind::scope_catch: token("catch:" + name(e.id) + "<" + name(e.id_of("from"))); break;
        case kind::scope_notify:
            token("notify:" + name(e.id) + "/" + std::to_string(e.integer("listeners")) + in_parens(e.text("error")));
            break;
        case kind::listener_wake:
            if (e.text("until") != "done") token("wake:" + name(e.id) + in_parens(e.text("error")));
            break;
        case kind::scope_unref:
            if (e.text("via") == "dispose")
                token("dispose:" + name(e.id) + "/" + std::to_string(e.integer("refs") + 1));
            break;
        case kind::scope_dispose: token("dispose:" + name(e.id) + "/" + std::to_string(e.integer("refs"))); break;
        case kind::scope_disposed:
            disposed_.insert(e.id);
            token("disposed:" + name(e.id));
            break;
        case kind::scope_refuse: token("spawn_refused:" + std::string(e.text("reason"))); break;
        case kind::scope_access:
            seen_.out = "asan";
            seen_.msg = "heap-use-after-free";
            seen_.where = e.text("operation");
            break;
        case kind::assertion:
            seen_.out = "assert";
            seen_.msg = e.text("message");
            break;
        case kind::act_stop: token("stop"); break;
        case kind::act_free:
            seen_.freed_at = static_cast<long>(e.t / 1'000'000);
            seen_.inflight = in_flight();
            token("call:free");
            break;
        case kind::loop_stop:
            if (e.text("why") == "uncaught error") seen_.exit = "error";
            token("shutdown(" + std::string(e.text("why") == "uncaught error" ? "uncaught_exception" : e.text("why")) +
                ")");
            break;
        default: break;
        }
    }
};

// Tokens of the cells that traces express differently or not at all.
bool said_by_both(std::string const& t) {
    for (char const* prefix : {"call:", "ret:", "isFinished", "timeout:", "stall", "second_exception", "scheduler_end"})
        if (t.rfind(prefix, 0) == 0) return t == "call:free";
    return true;
}

std::vector<std::string> split(std::string const& s) {
    std::istringstream in(s);
    std::vector<std::string> words;
    for (std::string w; in >> w;)
        if (said_by_both(w)) words.push_back(w);
    return words;
}

// Returns the order of lifecycle events for each object.
std::map<std::string, std::string> lifecycles(std::vector<std::string> const& events) {
    std::map<std::string, std::string> r;
    for (std::string const& t : events) {
        auto const colon = t.find(':');
        if (colon == t.npos) continue;
        std::string const verb = t.substr(0, colon);
        if (verb != "cancelled" && verb != "zombie" && verb != "finished" && verb != "neverran" && verb != "removed" &&
            verb != "disposed")
            continue;
        r[t.substr(colon + 1, t.find('(') - colon - 1)] += verb + " ";
    }
    return r;
}

repro::scenario scenario_of(json const& cell) {
    json doc{{"scenario", "cell-" + std::to_string(cell.at("id").get<int>())}, {"server", "scopes"},
        {"acts", cell.at("acts")}, {"place", cell.at("place")}, {"safe", cell.at("safe").get<int>() != 0},
        {"owner", cell.at("owner")}, {"parent", cell.at("parent")}, {"end", cell.at("end")},
        {"sequence", cell.at("seq")}};
    return repro::scenario_from_text(doc.dump(), "cell");
}

differences compare(json const& cell, observed const& o, bool with_events) {
    differences d;
    std::set<std::string> const soft = cell.at("order_sensitive").get<std::set<std::string>>();
    bool const glue = cell.at("glue").get<bool>();
    auto const differ = [&](std::string const& what, auto const& real, auto const& ours, bool advisory = false) {
        if (json(real) == json(ours)) return;
        (glue || advisory || soft.count(what) ? d.advisory : d.counted)
            .push_back(what + ": real " + text(real) + ", ours " + text(ours));
    };
    std::vector<std::string> const real_events = split(cell.at("events"));
    differ("out", cell.at("out"), o.out);
    differ("msg", cell.value("msg", ""), o.msg);
    differ("where", cell.value("where", ""), o.where);
    differ("tasks", cell.at("tasks"), o.tasks);
    differ("inflight", cell.at("inflight"), o.inflight, soft.count("inflight_n") > 0);
    differ("freed_at", cell.at("freed_at"), o.freed_at);
    differ("exit", cell.at("exit"), o.exit);
    differ("left_tasks", cell.at("left_tasks"), o.left_tasks);
    differ("left_scopes", cell.at("left_scopes"), o.left_scopes);
    auto const real = lifecycles(real_events), ours = lifecycles(o.events);
    for (auto const& [object, order] : real)
        differ("order of " + object, order, ours.count(object) ? ours.at(object) : "");
    for (auto const& [object, order] : ours)
        if (!real.count(object)) differ("order of " + object, "", order);
    if (with_events && real_events != o.events) {
        auto const [a, b] = std::mismatch(real_events.begin(), real_events.end(), o.events.begin(), o.events.end());
        auto const at = [](auto i, auto end) { return i == end ? std::string("(end)") : *i; };
        differ("event " + std::to_string(a - real_events.begin() + 1), at(a, real_events.end()), at(b, o.events.end()));
    }
    return d;
}

} // namespace

differences compare_trueasync(json const& cell, repro::simulator& sim) {
    repro::follow in_order{repro::schedule{}};
    traces::trace t;
    sim.run(scenario_of(cell), in_order, t);
    return compare(cell, reader().read(t), true);
}

} // namespace shutdown_repro::conformance
