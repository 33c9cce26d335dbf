// The rule about what a stop has to leave behind: a line in a log, a file, the state that a command finds.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

struct effect_missing final : rule {
    static rule_info info() {
        return {
            .id = "effect-missing",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_effect},
            .summary = "after the exit something is missing that the user says the server leaves: a file, a line of "
                       "its log, what a command looks for",
            .why =
                "Clients see only their responses. What else a stop owes is work that was promised by them: the line "
                "in the log, the message in the queue, the file that is flushed, the entry that is removed from a "
                "registry. A process that exits without closing what it writes to, or before its hooks have run, "
                "loses the last of it without an error anywhere. A server that had to be killed is not judged.",
            .cites = "pinojs/pino#1705, fluent/fluentd#1985",
            .fix = "close and flush what the process writes to after the last request, and exit only then",
            .make = make<effect_missing>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (!e.find("there")) return;
        looked_ = true;
        bool const killed = m.signal == std::string_view("SIGKILL") && m.was_sent("SIGKILL");
        if (e.integer("there") || killed) return;
        violation v{.subject = e.id, .at = e.seq};
        v.message = "after the exit of " + to_string(e.id) + ": " + std::string(e.text("what"));
        out.report(std::move(v));
    }
    std::string_view lacks(model const&) const override { return looked_ ? "" : "an effect that the stop should have"; }
    void reset() override { looked_ = false; }

private:
    of_trace<bool> looked_ = false;
};

} // namespace

std::span<rule_info const> effect_rules() {
    static std::array const rules = {effect_missing::info()};
    return rules;
}

} // namespace shutdown_repro::traces
