// Rules about acts that a server should survive: a reload, an upgrade, a successor that takes over.
#include <algorithm>
#include <array>
#include "traces/clock.hpp"
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

std::string_view lacks_other_act(model const& m, std::string_view otherwise = {}) {
    return m.owes_all() ? otherwise : "a reload, an upgrade or the like";
}

// A path that the old instance removed explains refused connections: then only the rule for that, which needs a
// successor, reports them.
struct refused_during_reload final : rule {
    static rule_info info() {
        return {
            .id = "refused-during-reload",
            .level = severity::error,
            .needs = clients | process,
            .kinds = {kind::client_connected, kind::client_fail, kind::process_path, kind::act_effect},
            .summary = "a connection is refused, or reset before its client has sent anything, while the server is "
                       "reloaded, upgraded or replaced",
            .why = "A reload is chosen over a restart so that no client notices it. A server that closes its listening "
                   "socket and opens it again, or whose successor listens only when the old process has closed its "
                   "socket, refuses every connection in between. Load balancers then take the server out, and clients "
                   "without a second address fail.",
            .cites = "boazsegev/iodine#97, reflex-dev/reflex#7114",
            .fix = "keep the listening socket open, and hand it to the new generation",
            .make = make<refused_during_reload>,
        };
    }

    void on(event const& e, model const& m, rule_run&) override {
        if (e.what == kind::process_path) {
            path_removed_ |= m.owes_all() && !e.integer("there", 1);
            return;
        }
        if (e.what == kind::act_effect) {
            succeeded_ |= m.owes_all();
            return;
        }
        if (!m.owes_all()) return;
        if (e.what == kind::client_connected) {
            if (count_ && accepted_again_ == no_seq) accepted_again_ = e.seq, again_at_ = e.t;
            return;
        }
        peer_state const* const p = m.peers.find(e.id.number);
        bool const never_sent = !p || !p->spoke;
        bool const in_backlog = e.text("how") == "reset" && !e.find("request") && never_sent;
        if (e.text("how") != "refused" && !in_backlog) return;
        if (count_++ == 0) first_ = e.seq, first_at_ = e.t, who_ = e.id;
        accepted_again_ = no_seq;
        last_ = e.seq;
    }
    void end(model const& m, bool, rule_run& out) override {
        if (!count_ || (path_removed_ && succeeded_)) return;
        violation v{.subject = who_, .at = first_, .witness = {m.act}};
        if (last_ != first_) v.witness.push_back(last_);
        v.message = std::to_string(count_) + (count_ == 1 ? " connection was" : " connections were") +
            " refused, the first " + moment_text(first_at_, m);
        if (accepted_again_ == no_seq) v.message += "; none was accepted after that";
        else v.message += "; connections were accepted again " + duration_text(again_at_ - first_at_) + " later";
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override { return lacks_other_act(m); }
    void reset() override {
        count_ = 0;
        path_removed_ = succeeded_ = false;
        accepted_again_ = no_seq;
    }

private:
    of_trace<std::size_t> count_ = 0;
    of_trace<seq_t> first_ = no_seq, last_ = no_seq, accepted_again_ = no_seq;
    of_trace<nanoseconds> first_at_ = 0, again_at_ = 0;
    of_trace<ref> who_;
    of_trace<bool> path_removed_ = false, succeeded_ = false;
};

// Late is what has waited for the grace and, besides, for the time that the same request takes without the act.
struct unanswered_after_reload final : rule {
    static rule_info info() {
        return {
            .id = "unanswered-after-reload",
            .level = severity::error,
            .needs = clients | process,
            .kinds = {kind::process_start, kind::client_done, kind::client_fail},
            .summary = "a request that was sent before a reload or the like, or during it, has no complete response "
                       "when the grace has passed, although the server answered a request that was sent later",
            .why =
                "The server took the connection and forgot it when it closed its listening socket or replaced a "
                "worker: nothing reads the request, and nothing closes the connection. For the client that is worse "
                "than a refusal: it can't go elsewhere at once, it holds its own resources until its timeout, and it "
                "does not know whether the request was executed. A request that waits for as long without a reload "
                "is not counted.",
            .cites = "python/cpython#109564, haproxy/haproxy#1114",
            .fix = "stop accepting before the listening socket is closed, serve every connection that was accepted by "
                   "then, and close those that can't be served",
            .make = make<unanswered_after_reload>,
        };
    }

    void on(event const& e, model const& m, rule_run&) override {
        if (e.what == kind::process_start) {
            if (e.id == ref{entity::process, 1}) grace_ = e.integer("grace") * millisecond;
            return;
        }
        bool const hangs = e.what == kind::client_fail && e.text("how") == "timeout";
        if (!m.owes_all() || (e.what == kind::client_fail && !hangs)) return;
        m.each_sent(e, [&](ref who, sent_request const& s) {
            if (s.how.why == role::readiness) return;
            if (!hangs) return note_answer(who, s, e);
            if (grace_ && !s.how.partly && e.t - s.sent_at >= grace_ + e.integer("control_ns"))
                hanging_.push_back({who, s.sent, s.sent_at, e.seq, e.t, e.integer("accepted", 1) != 0});
        });
    }
    void end(model const& m, bool, rule_run& out) override {
        std::erase_if(
            hanging_, [&](hanging const& h) { return answered_ == no_seq || h.sent > asked_ || asked_ < m.act; });
        if (hanging_.empty()) return;
        hanging const& h = *std::ranges::min_element(hanging_, {}, &hanging::sent);
        violation v{.subject = h.who, .at = h.gave_up, .witness = {h.sent, m.act, asked_, answered_}};
        v.message = to_string(h.who) + ", sent " + moment_text(h.sent_at, m) + ", has no complete response after " +
            duration_text(h.gave_up_at - h.sent_at) + (h.accepted ? "" : ", its connection was never accepted") +
            ", although " + to_string(answered_one_) + ", sent " + duration_text(asked_at_ - h.sent_at) +
            " later, was answered";
        if (std::size_t const more = hanging_.size() - 1)
            v.message +=
                "; the same is true of " + std::to_string(more) + (more == 1 ? " request" : " requests") + " more";
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return lacks_other_act(m, grace_ ? "" : "the grace of the server");
    }
    void reset() override {
        hanging_.clear();
        asked_ = answered_ = no_seq;
        grace_ = 0;
    }

private:
    struct hanging {
        ref who;
        seq_t sent;
        nanoseconds sent_at;
        seq_t gave_up;
        nanoseconds gave_up_at;
        bool accepted;
    };
    void note_answer(ref who, sent_request const& s, event const& done) {
        if (s.sent == no_seq || (answered_ != no_seq && s.sent < asked_)) return;
        answered_one_ = who, asked_ = s.sent, asked_at_ = s.sent_at, answered_ = done.seq;
    }

    std::vector<hanging> hanging_;
    of_trace<nanoseconds> grace_ = 0;
    // The request that was sent last of those that were answered.
    of_trace<ref> answered_one_;
    of_trace<seq_t> asked_ = no_seq, answered_ = no_seq;
    of_trace<nanoseconds> asked_at_ = 0;
};

struct old_generation_stuck final : rule {
    static rule_info info() {
        return {
            .id = "old-generation-stuck",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_stuck, kind::act_effect, kind::act_end},
            .summary = "a process of the old generation still runs when the grace after a reload or an upgrade has "
                       "passed, although a new generation serves",
            .why = "Each reload then leaves a process behind: it keeps memory, connections and the old configuration, "
                   "and reloads are frequent. An old process usually waits for a client that never leaves, or its "
                   "parent forgot it.",
            .cites = "Kong/kong#6904, openresty/openresty#472",
            .fix = "limit the time that an old process waits for its connections (worker_shutdown_timeout, "
                   "hard-stop-after, graceful_timeout)",
            .make = make<old_generation_stuck>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        looked_ |= e.what != kind::act_effect;
        serves_ |= e.what == kind::act_effect;
        if (e.what != kind::process_stuck || !serves_) return;
        std::string const name(e.text("name"));
        violation v{.subject = e.id, .at = e.seq};
        if (m.act != no_seq) v.witness.push_back(m.act);
        v.message = to_string(e.id) + (name.empty() ? "" : " (" + name + ")") + " of the old generation still runs " +
            duration_text(e.t - m.act_at) + " after " + m.cause_text() + " began";
        std::vector<ref> open;
        m.peers.each([&](std::uint32_t n, peer_state const& p) {
            if (p.connected != no_seq && p.connected < m.act) open.push_back({entity::client, n});
        });
        if (!open.empty())
            v.message += ", with " + std::to_string(open.size()) + (open.size() == 1 ? " connection" : " connections") +
                " from before it open";
        show(v, m, open);
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return lacks_other_act(m, looked_ ? "" : "a check of the old generation");
    }
    void reset() override { looked_ = serves_ = false; }

private:
    of_trace<bool> looked_ = false, serves_ = false; // serves: the new generation
};

struct reload_without_effect final : rule {
    static rule_info info() {
        return {
            .id = "reload-without-effect",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::act_end},
            .summary = "a reload, an upgrade or the like has none of the effects that it should have: no new process "
                       "serves, no socket is opened, no answer changes",
            .why = "A reload that does nothing is not noticed: the old configuration, the old certificate or the old "
                   "code goes on serving. The signal is ignored, the new configuration is refused, or the new process "
                   "fails to start and nothing but a log says so.",
            .cites = "h2o/h2o#770",
            .fix = "check the configuration before the reload, let the command of the reload fail when the new "
                   "generation does not start, and look whether it serves",
            .make = make<reload_without_effect>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.integer("effect", 1) || !e.integer("expected", 1)) return;
        std::string const why(e.text("why"));
        violation v{.subject = e.id, .at = e.seq};
        if (m.act != no_seq) v.witness.push_back(m.act);
        v.message =
            m.cause_text() + " had no effect in " + duration_text(e.t - m.act_at) + (why.empty() ? "" : ": " + why);
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override { return lacks_other_act(m); }
};

struct unix_path_removed final : rule {
    static rule_info info() {
        return {
            .id = "unix-path-removed",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_path, kind::act_effect},
            .summary = "a server that stops removes the Unix path on which its successor listens",
            .why = "A path names at most one socket. The successor has put its own socket there, and the old instance, "
                   "when it stops, unlinks the path by its name and not by what it finds there. The successor runs and "
                   "listens, and no client can reach it any more.",
            .cites = "nodejs/node#19729, libuv/libuv#1332",
            .fix = "compare device and inode of the path with those of the own socket before the socket is closed, and "
                   "unlink only what is the same; or leave the path to the supervisor (socket activation)",
            .make = make<unix_path_removed>,
        };
    }

    // The successor may be seen to serve after the path was seen to be gone.
    void on(event const& e, model const& m, rule_run&) override {
        if (e.what == kind::process_path) looked_ = true;
        if (!m.owes_all()) return; // whoever is stopped may remove its path
        if (e.what == kind::act_effect) {
            effect_ = e.seq;
            successor_ = e.id;
        } else if (!e.integer("there", 1) && gone_ == no_seq) {
            gone_ = e.seq;
            old_ = e.id;
        }
    }
    void end(model const& m, bool, rule_run& out) override {
        if (effect_ == no_seq || gone_ == no_seq) return;
        violation v{.subject = old_, .at = gone_, .witness = {effect_}};
        if (m.act != no_seq) v.witness.push_back(m.act);
        v.message = to_string(old_) + " removed its Unix path when it stopped, and " + to_string(successor_) +
            ", which listens there, can't be reached";
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return lacks_other_act(m, looked_ ? "" : "a check of a Unix path");
    }
    void reset() override {
        effect_ = gone_ = no_seq;
        looked_ = false;
    }

private:
    of_trace<seq_t> effect_ = no_seq, gone_ = no_seq;
    of_trace<ref> successor_, old_;
    of_trace<bool> looked_ = false;
};

} // namespace

std::span<rule_info const> act_rules() {
    static std::array const rules = {refused_during_reload::info(), unanswered_after_reload::info(),
        old_generation_stuck::info(), reload_without_effect::info(), unix_path_removed::info()};
    return rules;
}

} // namespace shutdown_repro::traces
