// Rules about objects that are used by others after they were freed: by callbacks, listeners and dependent objects.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

struct callback_after_destroy final : rule {
    static rule_info info() {
        return {
            .id = "callback-after-destroy",
            .level = severity::error,
            .needs = callbacks,
            .kinds = {kind::callback_enter},
            .summary = "a callback enters a method of an object that was freed",
            .why = "The loop outlives the objects whose callbacks it holds. A callback that holds its owner by a weak "
                   "reference and calls it without a check fails where the language detects it, and uses freed memory "
                   "where it does not. The work of the callback (finish the request, release a slot) is never done. A "
                   "callback that checks first and finds no owner does not enter.",
            .cites = "mojo#2286, aspnetcore#46779, swift-nio-extras#219",
            .fix =
                "unsubscribe the callbacks of an object before it is freed and finish what they would have finished, "
                "or keep it alive until they ran",
            .make = make<callback_after_destroy>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (!m.freed(e.id)) return;
        std::string_view const method = e.text("method");
        violation v{.subject = e.id, .at = e.seq};
        v.message = "a callback" + (e.parent ? " of " + to_string(e.parent) : "") + " called " +
            (method.empty() ? "" : std::string(method) + " of ") + to_string(e.id) + " after it was freed";
        show_free(v, e.id, m);
        out.report(std::move(v));
    }
};

struct listener_notified_after_free final : rule {
    static rule_info info() {
        return {
            .id = "listener-notified-after-free",
            .level = severity::error,
            .needs = 0,
            .needs_one_of = listeners | hooks,
            .kinds = {kind::scope_attach, kind::hook_add, kind::listener_wake, kind::hook_begin},
            .summary =
                "a listener or hook is called after its subject was freed, also when an earlier listener freed it",
            .why =
                "Notifying listeners runs foreign code, and any listener may drop the last reference to the subject. "
                "If the notification continues through the list, it reads freed memory and reports a subject that no "
                "longer exists. With a single listener the defect never shows.",
            .cites = "true-async/server 40546ea",
            .fix = "hold a reference to the subject until the last listener was notified, and iterate over a copy of "
                   "the list",
            .make = make<listener_notified_after_free>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        switch (e.what) {
        case kind::scope_attach: return registers(e.id_of("listener"), e.id);
        case kind::hook_add: return registers(e.id, e.parent);
        default: return wakes(e, m, out);
        }
    }
    void reset() override { registered_.clear(); }

private:
    struct registration {
        ref listener, subject;
    };
    void registers(ref listener, ref subject) {
        if (!listener || !subject) return;
        auto const at = std::find_if(
            registered_.begin(), registered_.end(), [&](registration const& r) { return r.listener == listener; });
        if (at == registered_.end()) registered_.push_back({listener, subject});
        else at->subject = subject;
    }
    ref subject_of(event const& e) const {
        if (e.parent) return e.parent;
        for (registration const& r : registered_)
            if (r.listener == e.id) return r.subject;
        return {};
    }
    void wakes(event const& e, model const& m, rule_run& out) {
        ref const subject = subject_of(e);
        if (!subject || !m.freed(subject)) return;
        seq_t const gone = m.latest_freed == subject ? m.latest_freed_at : no_seq;
        bool const meanwhile = gone != no_seq && !e.because.empty() && e.because.front() < gone;
        violation v{.subject = subject, .at = e.seq};
        v.message = to_string(e.id) + " was notified of " + to_string(subject) + ", which was freed " +
            (meanwhile ? "while it notified its listeners" : "earlier");
        if (meanwhile) v.witness.push_back(e.because.front());
        show_free(v, subject, m);
        out.report(std::move(v));
    }

    std::vector<registration> registered_;
};

struct destroy_order_inverted final : rule {
    static rule_info info() {
        return {
            .id = "destroy-order-inverted",
            .level = severity::error,
            .needs = dependencies,
            .kinds = {kind::object_depend, kind::server_free, kind::scope_disposed, kind::coroutine_remove,
                kind::request_free, kind::connection_close, kind::stream_close, kind::object_free},
            .summary = "an object is freed before an object that depends on it",
            .why = "The dependent object still holds a reference to its provider: its destructor, or an earlier "
                   "callback, uses a provider that is freed. Members that are destroyed in reverse order of "
                   "declaration, and globals of several files, get this order by accident, and it shows only during "
                   "shutdown.",
            .cites = "envoy#4940, asio#1117",
            .fix = "free dependent objects first, or let them share ownership of what they depend on",
            .make = make<destroy_order_inverted>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::object_depend) return depends(e, m, out);
        if (relations_.empty()) return;
        std::erase_if(relations_, [&](relation const& r) { return r.dependant == e.id; });
        for (relation const& r : relations_)
            if (r.provider == e.id) report(r, e.seq, out);
        std::erase_if(relations_, [&](relation const& r) { return r.provider == e.id; });
    }
    void reset() override { relations_.clear(); }

private:
    struct relation {
        ref dependant, provider;
        seq_t told;
    };
    void depends(event const& e, model const& m, rule_run& out) {
        ref const on = e.id_of("on");
        if (!on || on == e.id || m.freed(e.id)) return;
        if (m.freed(on)) return report({e.id, on, e.seq}, e.seq, out);
        bool const known = std::any_of(relations_.begin(), relations_.end(),
            [&](relation const& r) { return r.dependant == e.id && r.provider == on; });
        if (!known) relations_.push_back({e.id, on, e.seq});
    }
    static void report(relation const& r, seq_t at, rule_run& out) {
        out.report({.subject = r.provider,
            .at = at,
            .witness = {r.told},
            .message =
                to_string(r.provider) + " was freed before " + to_string(r.dependant) + ", which depends on it"});
    }
    std::vector<relation> relations_; // of objects that are not freed
};

} // namespace

std::span<rule_info const> callback_rules() {
    static std::array const rules = {
        callback_after_destroy::info(), listener_notified_after_free::info(), destroy_order_inverted::info()};
    return rules;
}

} // namespace shutdown_repro::traces
