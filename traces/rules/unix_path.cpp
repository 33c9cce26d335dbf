// The rule about a Unix path that a server leaves behind. That it removes the path of its successor is in act.cpp.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

struct unix_path_left final : rule {
    static rule_info info() {
        return {
            .id = "unix-path-left",
            .level = severity::warning,
            .needs = process,
            .kinds = {kind::process_path},
            .summary = "a server that stops leaves its Unix path behind, and because of that it does not start again",
            .why = "A Unix path outlives the socket that was bound to it, and a bind to a path that exists fails with "
                   "EADDRINUSE. The restart after a clean stop then fails until somebody removes the path by hand, and "
                   "clients get ECONNREFUSED instead of ENOENT, so that nothing says that the server is not there. A "
                   "path that the next start removes, or that belongs to a supervisor, is no fault.",
            .cites = "osrg/gobgp#2486, camlworks/dream#398",
            .fix = "unlink the path when the server stops (if it is still that of the own socket), and at the start "
                   "unlink one on which nobody listens; or let the supervisor own it (socket activation, "
                   "RuntimeDirectory)",
            .make = make<unix_path_left>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        looked_ = true;
        if (!e.integer("there") || e.text("next") != "fails" || m.t0 == no_seq) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0}};
        std::string const why(e.text("why"));
        v.message = to_string(e.id) + " left its Unix path behind when it stopped, and the next start failed" +
            (why.empty() ? "" : " (" + why + ")") + "; without the path it succeeded";
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, looked_ ? "" : "a check of a Unix path");
    }
    void reset() override { looked_ = false; }

private:
    of_trace<bool> looked_ = false;
};

} // namespace

std::span<rule_info const> unix_path_rules() {
    static std::array const rules = {unix_path_left::info()};
    return rules;
}

} // namespace shutdown_repro::traces
