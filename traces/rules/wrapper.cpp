// Rules about the way of the stop's signal: from the process that gets it to the process that serves.
#include <array>
#include <utility>
#include "traces/rules/family.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::string_view killed_by = "SIGKILL";

// The names of processes, and which of them serve: those that had the listening socket when the server was ready.
class known_processes {
public:
    void learn(event const& e) {
        bool const at_ready = e.what == kind::process_files && e.text("when") == "ready";
        if (e.what != kind::process_start && !at_ready) return;
        known& k = of(e.id);
        if (std::string_view const name = e.text("name"); !name.empty()) k.name = name;
        if (at_ready) k.serves = e.integer("listens") != 0;
    }
    bool serves(ref process) const {
        auto const at = std::ranges::find(all_, process, &known::id);
        return at != all_.end() && at->serves;
    }
    // "process:2 (node)"
    std::string text(ref process) const {
        auto const at = std::ranges::find(all_, process, &known::id);
        std::string const id = to_string(process);
        return at == all_.end() || at->name.empty() ? id : id + " (" + at->name.str() + ")";
    }
    void clear() { all_.clear(); }

private:
    struct known {
        ref id;
        name_text name;
        bool serves = false;
    };
    known& of(ref process) {
        auto const at = std::ranges::find(all_, process, &known::id);
        return at == all_.end() ? all_.emplace_back(known{process, {}}) : *at;
    }
    std::vector<known> all_;
};

// A rule reads a single trace. So the runner that has seen it in an execution without clients records that in others.
struct stop_signal_not_forwarded final : rule {
    static rule_info info() {
        return {
            .id = "stop-signal-not-forwarded",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_start, kind::process_files, kind::process_ready, kind::process_signal,
                kind::process_exit},
            .summary = "the first process gets the signal of the stop, and the process that serves goes on until it "
                       "gets the signal itself",
            .why = "A supervisor signals the process that it started. If that is a shell script, npm, or another "
                   "wrapper that does not forward the signal, the server goes on as if nothing had happened, and is "
                   "killed in the end with everything that it has in hand. The server's own stop may be perfect. The "
                   "rule is certain of it where the serving process, with no client connected, ended as soon as it "
                   "was sent the same signal.",
            .cites = "npm/cli#6684, npm/npm#8162",
            .fix = "let the script become the server (exec), start the server instead of npm, or use an init that "
                   "forwards signals (tini, dumb-init)",
            .make = make<stop_signal_not_forwarded>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        known_.learn(e);
        if (e.what == kind::process_ready && e.find("rest_unforwarded"))
            at_rest_ = e.seq, serves_ = e.text("rest_unforwarded");
        if (e.what == kind::process_files) looked_ = true;
        if (e.what == kind::process_signal) on_signal(e, m);
        if (e.what != kind::process_exit || e.text("signal") == killed_by) return;
        auto const sent = std::ranges::find(direct_, e.id, &std::pair<ref, seq_t>::first);
        if (sent == direct_.end() || told_ == no_seq) return;
        report(e.id, e.seq, {told_, sent->second}, known_.text(e.id), out);
    }
    void end(model const&, bool, rule_run& out) override {
        if (at_rest_ != no_seq && told_ != no_seq) report(to_, told_, {at_rest_}, serves_.str(), out);
    }
    std::string_view lacks(model const& m) const override {
        return m.t0 == no_seq ? "a stop" : looked_ ? "" : "which process serves";
    }
    void reset() override {
        known_.clear();
        direct_.clear();
        at_rest_ = told_ = no_seq;
        looked_ = reported_ = false;
    }

private:
    void on_signal(event const& e, model const& m) {
        if (e.integer("direct")) direct_.emplace_back(e.id, e.seq);
        if (e.seq == m.t0 && m.told_first) told_ = e.seq, to_ = e.id, signal_ = e.text("signal");
    }
    void report(ref who, seq_t at, std::vector<seq_t> witness, std::string const& serves, rule_run& out) {
        if (std::exchange(reported_, true)) return;
        out.report({.subject = who,
            .at = at,
            .witness = std::move(witness),
            .message = signal_.str() + " was sent to " + known_.text(to_) + ", and " + serves +
                ", which serves, ended only when it was sent to that process too"});
    }

    known_processes known_;
    std::vector<std::pair<ref, seq_t>> direct_; // by process
    of_trace<name_text> serves_;
    of_trace<word_text> signal_;
    of_trace<ref> to_;
    of_trace<seq_t> at_rest_ = no_seq, told_ = no_seq;
    of_trace<bool> looked_ = false, reported_ = false;
};

struct wrapper_exits_first final : rule {
    static rule_info info() {
        return {
            .id = "wrapper-exits-first",
            .level = severity::warning,
            .needs = process,
            .kinds = {kind::process_start, kind::process_files, kind::process_exit, kind::process_orphan},
            .summary = "the first process exits more than half a second before a process that serves; an error in a "
                       "PID namespace, where the kernel then kills that process",
            .why = "For a supervisor the stop is over when the process that it started has exited. It starts the next "
                   "version while the old one still serves, and has no status of the one that matters. In a container "
                   "it is worse: the kernel kills everything with the first process, in the middle of its work.",
            .cites = "sapcc/helm-charts#11680, paketo-buildpacks/nodejs#37",
            .fix = "let the first process wait for the server, or become it (exec); in a container use an init that "
                   "waits for its child (tini)",
            .make = make<wrapper_exits_first>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        known_.learn(e);
        if (e.what == kind::process_files) looked_ = true;
        if (e.what == kind::process_orphan) return on_orphan(e, m, out);
        if (e.what != kind::process_exit) return;
        if (!is_descendant(e.id)) return on_first(e, m, out);
        if (!known_.serves(e.id)) return;
        bool const late = first_exited_ != no_seq && e.t - first_at_ > worth_telling && !m.was_sent(killed_by, e.id);
        if (e.integer("with_first")) with_first_.push_back({e.id, e.seq});
        else if (late)
            report(e, known_.text(e.id) + ", which serves, by " + duration_text(e.t - first_at_), {}, m, out);
    }
    std::string_view lacks(model const& m) const override {
        return m.t0 == no_seq ? "a stop" : looked_ ? "" : "which process serves";
    }
    void reset() override {
        known_.clear();
        with_first_.clear();
        first_exited_ = no_seq;
        looked_ = reported_ = false;
    }

private:
    static constexpr nanoseconds worth_telling = 2 * tolerance; // a worker may be slow to follow the first process

    // Processes that the kernel killed with the first one exited before it did: it waits for them.
    void on_first(event const& e, model const& m, rule_run& out) {
        if (m.t0 == no_seq || m.was_sent(killed_by)) return;
        first_exited_ = e.seq, first_at_ = e.t;
        for (auto const& [process, at] : with_first_)
            report(e, known_.text(process) + ", which serves and was killed with it", {at}, m, out);
    }
    void on_orphan(event const& e, model const& m, rule_run& out) {
        if (first_exited_ != no_seq && known_.serves(e.id) && e.t - first_at_ > worth_telling)
            report(e, known_.text(e.id) + ", which serves and still runs", {}, m, out);
    }
    void report(event const& at, std::string const& whom, std::vector<seq_t> witness, model const& m, rule_run& out) {
        if (std::exchange(reported_, true)) return;
        witness.push_back(m.t0);
        witness.push_back(first_exited_);
        ref const first{entity::process, 1};
        out.report({.level = m.pid1 ? severity::error : severity::note,
            .subject = first,
            .at = at.seq,
            .witness = std::move(witness),
            .message = known_.text(first) + " exited " + duration_text(first_at_ - m.t0_time) +
                " after the stop, before " + whom});
    }

    known_processes known_;
    std::vector<std::pair<ref, seq_t>> with_first_; // by process
    of_trace<seq_t> first_exited_ = no_seq;
    of_trace<nanoseconds> first_at_ = 0;
    of_trace<bool> looked_ = false, reported_ = false;
};

struct pid1_ignores_signal final : rule {
    static rule_info info() {
        return {
            .id = "pid1-ignores-signal",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_start, kind::process_status, kind::process_exit},
            .summary = "process 1 of a PID namespace has no handler for the signal of the stop, so that the kernel "
                       "discards it, and has to be killed",
            .why = "Outside of a container a process without a handler dies of SIGTERM. As process 1 of a container "
                   "it does not: the kernel discards every signal that process 1 has no handler for. The stop has no "
                   "effect, the runtime waits for its whole grace period, and then kills the container. Shells, and "
                   "programs in languages whose runtime installs no handler, are such processes.",
            .cites = "Dictionarry-Hub/profilarr#910, OHF-Voice/wyoming-piper#47",
            .fix = "install a handler for the signal, or run the program under an init (docker run --init, tini)",
            .make = make<pid1_ignores_signal>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        known_.learn(e);
        if (e.what == kind::process_status && e.integer("pid1")) {
            looked_ = true;
            bool const takes =
                e.integer("caught", 1) || e.integer("awaited") || e.integer("blocked") || e.integer("ignored");
            if (!takes) deaf_.push_back({e.id, e.seq, e.text("signal", "the stop signal")});
        }
        bool const killed =
            e.what == kind::process_exit && e.text("signal") == killed_by && m.was_sent(killed_by, e.id);
        if (!killed || m.t0 == no_seq) return;
        // A kill of the first process is the kill of all.
        for (deaf const& d : deaf_)
            if (d.id == e.id || !is_descendant(e.id)) report(d, e.seq, out);
        std::erase_if(deaf_, [&](deaf const& d) { return d.id == e.id || !is_descendant(e.id); });
    }
    std::string_view lacks(model const&) const override {
        return looked_ ? "" : "how process 1 of a PID namespace handles the signal";
    }
    void reset() override {
        known_.clear();
        deaf_.clear();
        looked_ = false;
    }

private:
    struct deaf {
        ref id;
        seq_t seen;
        word_text signal;
    };
    void report(deaf const& d, seq_t killed, rule_run& out) const {
        out.report({.subject = d.id,
            .at = d.seen,
            .witness = {killed},
            .message = known_.text(d.id) + " is process 1 of its PID namespace and has no handler for " +
                d.signal.str() + ", which the kernel then discards"});
    }
    known_processes known_;
    std::vector<deaf> deaf_; // by process
    of_trace<bool> looked_ = false;
};

} // namespace

std::span<rule_info const> wrapper_rules() {
    static std::array const rules = {
        stop_signal_not_forwarded::info(), wrapper_exits_first::info(), pid1_ignores_signal::info()};
    return rules;
}

} // namespace shutdown_repro::traces
