// Rules about timers that are left when a loop ends or an owner is freed.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

struct timer_lost final : rule {
    static rule_info info() {
        return {
            .id = "timer-lost",
            .level = severity::error,
            .needs = timers,
            .needs_one_of = loops | process,
            .kinds = {kind::loop_start, kind::loop_stopping, kind::loop_stop, kind::timer_fire, kind::process_exit},
            .summary = "a one-shot timer of the program has not fired when its loop ends for the last time, and is not "
                       "cancelled",
            .why =
                "The code that set the timer relies on it: a retry, a flush, a delayed response. A graceful stop "
                "that counts only connections ends the loop before the timer is due, and no error is reported. Two "
                "sorts of timers are exempt, and the message counts them: recurring timers, which have no last time, "
                "and timers that the server sets for itself (keep-alive, inactivity, connect), which only serve "
                "connections. A loop that runs again keeps its timers. A timer that fires after the end of its loop is "
                "lost, and a timer of no known loop when the last loop has ended. A server that died is not judged.",
            .cites = "mojo#2286, tokio#4862",
            .fix = "let the stop wait for the one-shot timers of the program, up to a limit, then cancel them and "
                   "report it",
            .make = make<timer_lost>,
        };
    }

    void on(event const& e, model const& m, rule_run&) override {
        switch (e.what) {
        case kind::loop_start: return starts(e);
        case kind::loop_stopping: {
            loop& l = known(e.id);
            if (l.stopping == no_seq) l.stopping = e.seq;
            return;
        }
        case kind::loop_stop: {
            loop& l = known(e.id);
            l.end = {e.id, e.seq, e.t};
            return;
        }
        case kind::timer_fire: return fires(e, m);
        default:
            if (!is_descendant(e.id)) exit_ = {e.id, e.seq, e.t};
        }
    }

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.timers.each([&](std::uint32_t n, timer_state const& t) {
            ending const at = end_of(t.loop, m);
            ending const by = at.seq == no_seq ? exit_ : at;
            if (t.user && !t.recurring && by.seq != no_seq) report({entity::timer, n}, t, by, m, out);
        });
        for (fired_late const& f : late_) report(f.timer, f.was, f.end, m, out);
    }
    std::string_view lacks(model const& m) const override {
        return exit_.seq != no_seq || end_of({}, m).seq != no_seq ||
                std::any_of(loops_.begin(), loops_.end(), [](loop const& l) { return l.end.seq != no_seq; })
            ? ""
            : "the end of a loop";
    }
    void reset() override {
        loops_.clear();
        late_.clear();
        exit_ = {};
    }

private:
    struct ending {
        ref who;
        seq_t seq = no_seq;
        nanoseconds at = 0;
    };
    struct loop {
        ref id;
        seq_t stopping = no_seq;
        ending end = {}; // seq is no_seq while it runs
    };
    struct fired_late {
        ref timer;
        timer_state was;
        ending end;
    };

    loop& known(ref id) {
        auto const at = std::find_if(loops_.begin(), loops_.end(), [&](loop const& l) { return l.id == id; });
        return at != loops_.end() ? *at : loops_.emplace_back(loop{.id = id});
    }
    // A loop that runs again keeps its timers.
    void starts(event const& e) {
        known(e.id) = {.id = e.id};
        std::erase_if(late_, [&](fired_late const& f) { return f.end.who == e.id; });
    }
    void fires(event const& e, model const& m) {
        timer_state const* const t = m.timers.find(e.id.number);
        if (loops_.empty() || !t || !t->user || t->recurring) return;
        if (ending const end = end_of(t->loop, m); end.seq != no_seq) late_.push_back({e.id, *t, end});
    }
    // The end of the timer's loop. If the trace does not say which loop it is: the latest end, if no loop runs.
    ending end_of(ref of, model const& m) const {
        ending latest;
        for (loop const& l : loops_) {
            if (l.id == of) return l.end;
            if (l.end.seq != no_seq && (latest.seq == no_seq || l.end.seq > latest.seq)) latest = l.end;
        }
        return of.type == entity::loop || m.other_loop_runs({}) ? ending{} : latest;
    }

    void report(ref timer, timer_state const& t, ending const& by, model const& m, rule_run& out) const {
        violation v{.subject = timer, .at = by.seq};
        if (m.words) v.message = message(timer, t, by, m);
        if (m.timers.find(timer.number)) show(v, m, {&timer, 1});
        else v.witness.push_back(t.armed);
        for (loop const& l : loops_)
            if (l.id == by.who && l.stopping != no_seq) v.witness.push_back(l.stopping);
        out.report(std::move(v));
    }

    static std::string message(ref timer, timer_state const& t, ending const& by, model const& m) {
        std::size_t recurring = 0, internal = 0;
        m.timers.each([&](std::uint32_t, timer_state const& other) {
            if (other.loop != t.loop) return;
            internal += !other.user;
            recurring += other.user && other.recurring;
        });
        nanoseconds const early = t.due - by.at;
        std::string out = to_string(timer) + (t.name.empty() ? "" : " (" + t.name.str() + ")");
        out += " neither fired nor was cancelled: " + to_string(by.who) + " ended ";
        out += early > 0 ? duration_text(early) + " before it was due and did not wait for it" : "although it was due";
        if (recurring + internal == 0) return out + "; no timer is exempt";
        out += "; exempt:";
        if (recurring) out += " " + std::to_string(recurring) + " recurring";
        if (internal) out += std::string(recurring ? "," : "") + " " + std::to_string(internal) + " internal";
        return out;
    }

    std::vector<loop> loops_;
    std::vector<fired_late> late_;
    of_trace<ending> exit_; // of the main process, which ends all loops
};

struct timer_after_destroy final : rule {
    static rule_info info() {
        return {
            .id = "timer-after-destroy",
            .level = severity::error,
            .needs = timers,
            .kinds = {kind::timer_fire, kind::timer_cancel},
            .summary = "a timer fires after its owner was freed, also if it had been cancelled",
            .why = "The timer's callback works on an object that it does not keep alive, and the object was freed "
                   "without cancelling the timer. The callback finds no object, or memory that now belongs to another "
                   "object. The rule uses the owner that the timer was set with. A timer without an owner, or one that "
                   "keeps its owner alive, can't violate it.",
            .cites = "mojo#2286",
            .fix = "cancel the timers of an object in its destructor, or let the callback check first that the object "
                   "exists",
            .make = make<timer_after_destroy>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        timer_state const* const t = m.timers.find(e.id.number);
        owned timer;
        if (t) timer = {e.id.number, t->owner, t->armed};
        else if (auto const at = std::find_if(
                     ended_.rbegin(), ended_.rend(), [&](owned const& o) { return o.number == e.id.number; });
                 at != ended_.rend())
            timer = *at;
        // A timer that has ended must not fire, but what it fires for when it does is known.
        bool const ends = t && (e.what == kind::timer_cancel || !t->recurring);
        if (ends && (timer.owner || known_.contains(timer.number))) {
            known_.insert(timer.number);
            ended_.push_back(timer);
        }
        if (!timer.owner) return;
        if (e.what == kind::timer_cancel || !m.freed(timer.owner) || !reported_.first(e.id)) return;
        violation v{.subject = e.id, .at = e.seq};
        v.message = m.label(e.id) + " fired after its owner " + to_string(timer.owner) + " was freed";
        v.witness.push_back(timer.armed);
        show_free(v, timer.owner, m);
        out.report(std::move(v));
    }
    void reset() override {
        ended_.clear();
        known_.clear();
        reported_.clear();
    }

private:
    struct owned {
        std::uint32_t number = 0;
        ref owner = {};
        seq_t armed = no_seq;
    };
    std::vector<owned> ended_; // timers that fired or were cancelled, and had an owner once
    number_set known_;         // the numbers of these
    once reported_;
};

} // namespace

std::span<rule_info const> timer_rules() {
    static std::array const rules = {timer_lost::info(), timer_after_destroy::info()};
    return rules;
}

} // namespace shutdown_repro::traces
