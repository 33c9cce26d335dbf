// Rules about the server's process: how it ended and what it left behind.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/stderr_text.hpp"

namespace shutdown_repro::traces {
namespace {

std::string after_stop(model const& m, nanoseconds at) {
    return m.t0 == no_seq ? "" : ", " + duration_text(at - m.t0_time) + " after the stop";
}

// Who died, as the trace names it.
class process_name {
public:
    void learn(event const& e) {
        if (std::string_view const n = e.text("name"); !n.empty()) name_ = n;
    }
    std::string text() const { return name_.empty() ? "the server" : name_.str(); }
    void clear() { name_ = std::string_view(); }

private:
    name_text name_;
};

struct crash_on_stop final : rule {
    static rule_info info() {
        return {
            .id = "crash-on-stop",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_start, kind::process_stderr, kind::process_exit},
            .summary = "the process dies of a signal that it was not sent (SIGSEGV, SIGABRT, SIGBUS and the like), or a sanitizer reports",
            .why = "A crash takes every request with it, leaves a core file or nothing, and looks to a supervisor like a failure in "
                   "the middle of a deployment. Shutdown is where objects are freed in an order that nothing else exercises.",
            .cites = "drogon#1382, envoy#15217",
            .fix = "look at what this trace violates before the crash, and run the server under AddressSanitizer",
            .make = make<crash_on_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        switch (e.what) {
        case kind::process_start: return name_.learn(e);
        case kind::process_stderr:
            for (std::string const& r : sanitizer_reports_in(e.text("text")))
                if (!reported_) report(e.id, e.seq, name_.text() + " was stopped by " + r + after_stop(m, e.t), out);
            return;
        default:
            if (died_unasked(m)) report(e.id, e.seq, name_.text() + " died of " + m.signal.str() + after_stop(m, e.t), out);
        }
    }
    // Where the process is simulated, only the footer may know.
    void end(model const& m, bool, rule_run& out) override {
        if (died_unasked(m) && m.last != no_seq)
            report({entity::process, 1}, m.last, name_.text() + " died of " + m.signal.str(), out);
    }
    void reset() override {
        name_.clear();
        reported_ = false;
    }

private:
    bool died_unasked(model const& m) const { return !reported_ && !m.signal.empty() && !m.was_sent(m.signal); }
    void report(ref who, seq_t at, std::string message, rule_run& out) {
        reported_ = true;
        out.report({.subject = who, .at = at, .message = std::move(message)});
    }

    process_name name_;
    bool reported_ = false;
};

struct killed_after_grace final : rule {
    static rule_info info() {
        return {
            .id = "killed-after-grace",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_start, kind::process_signal, kind::process_exit},
            .summary = "the process had to be killed with SIGKILL after the stop",
            .why = "A stop that never ends is ended by the supervisor, and then nothing is orderly: no response, no flush, no hook. "
                   "What was still alive inside is what the stop waited for.",
            .cites = "",
            .fix = "bound every wait of the stop by the grace period, then cancel, await and close",
            .make = make<killed_after_grace>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        bool const kill = e.text("signal") == "SIGKILL";
        if (e.what == kind::process_start) return name_.learn(e);
        if (e.what == kind::process_signal) {
            if (kill && m.t0 != no_seq && m.t0 != e.seq && sent_at_ == no_seq) sent_at_ = e.seq;
            return;
        }
        if (!kill || sent_at_ == no_seq) return;
        std::vector<ref> inside;
        m.requests.each([&](std::uint32_t n, request_state const&) { inside.push_back({entity::request, n}); });
        m.coroutines.each([&](std::uint32_t n, coroutine_state const&) { inside.push_back({entity::coroutine, n}); });
        violation v{.subject = e.id, .at = e.seq};
        v.message = name_.text() + " had to be killed" + after_stop(m, e.t) + (inside.empty() ? "" : ", with " + names(inside) + " inside");
        show(v, m, inside);
        v.witness.insert(std::lower_bound(v.witness.begin(), v.witness.end(), sent_at_), sent_at_);
        out.report(std::move(v));
    }
    void reset() override {
        name_.clear();
        sent_at_ = no_seq;
    }

private:
    process_name name_;
    seq_t sent_at_ = no_seq;
};

struct port_not_released final : rule {
    static rule_info info() {
        return {
            .id = "port-not-released",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_port},
            .summary = "a socket still listens on the server's port after its exit",
            .why = "The next start fails, or clients connect to a socket from which nobody accepts: a child process inherited the "
                   "listener, or a worker outlived the process. It is read from the kernel's table of sockets, because an attempt to "
                   "bind also fails for connections in TIME_WAIT, which are normal.",
            .cites = "mongoose#1302",
            .fix = "open the listener close-on-exec, and end the workers before the process exits",
            .make = make<port_not_released>,
        };
    }

    void on(event const& e, model const&, rule_run& out) override {
        looked_ = true;
        if (!e.integer("listening") || !reported_.first(e.id)) return;
        out.report({.subject = e.id, .at = e.seq,
                    .message = "port " + std::to_string(e.integer("port")) + " still listens after the exit of " + to_string(e.id)});
    }
    std::string_view lacks(model const&) const override { return looked_ ? "" : "a look at the port after the exit"; }
    void reset() override {
        looked_ = false;
        reported_.clear();
    }

private:
    bool looked_ = false;
    once reported_;
};

} // namespace

std::span<rule_info const> process_rules() {
    static std::array const rules = {crash_on_stop::info(), killed_after_grace::info(), port_not_released::info()};
    return rules;
}

} // namespace shutdown_repro::traces
