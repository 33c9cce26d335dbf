// Rules that compare a response with the response to the same request when nobody stops the server.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

// What is worse than the same request's response without a stop, or "" if nothing is.
std::string worse_than_control(event const& done, std::string const& without) {
    std::int64_t const status = done.integer("status"), control = done.integer("control_status");
    constexpr std::int64_t classes = 100, failure = 4;
    if (status / classes > control / classes && status / classes >= failure)
        return "was answered with status " + std::to_string(status) + "; " + without + " it is " +
            std::to_string(control);
    if (!done.integer("differs") || control / classes >= failure) return {};
    std::int64_t const body = done.integer("body"), usual = done.integer("control_body");
    if (body == usual) return "was answered with other bytes than each time " + without;
    return "was answered with " + std::to_string(body) + " bytes of body; " + without + " there are " +
        std::to_string(usual);
}

struct response_error_at_stop final : rule {
    static rule_info info() {
        return {
            .id = "response-error-at-stop",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_done},
            .summary =
                "a request that was sent before the stop gets an error where the same request gets a better response "
                "without a stop, or another body than a good response has without a stop",
            .why = "A complete response is not yet the right one. The handler still ran when the stop had closed what "
                   "it needs: a database pool, a queue, a cache. The user sees an error page, and a client that counts "
                   "only broken connections sees nothing. The rule judges only traces which say what the same request "
                   "gets without a stop, and compares bodies only where they were the same each time.",
            .cites = "",
            .fix = "close what handlers use after the last of them has finished, not when the stop begins",
            .make = make<response_error_at_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (!e.find("control_status")) return;
        compared_ = true;
        std::string const worse = worse_than_control(e, m.owes_all() ? "without the act" : "without a stop");
        if (worse.empty() || m.cause() == no_seq) return;
        m.each_sent(e, [&](ref who, sent_request const& s) {
            bool const owed = s.sent != no_seq && (s.sent < m.cause() || m.owes_all());
            if (!owed) return;
            violation v{.subject = who, .at = e.seq, .witness = {s.sent, m.cause()}};
            v.message = to_string(who) + " was sent " + moment_text(s.sent_at, m) + " and " + worse;
            out.report(std::move(v));
        });
    }
    std::string_view lacks(model const& m) const override {
        return lacks_act(m, compared_ ? "" : "a response whose like without a stop is known");
    }
    void reset() override { compared_ = false; }

private:
    of_trace<bool> compared_ = false;
};

} // namespace

std::span<rule_info const> answer_rules() {
    static std::array const rules = {response_error_at_stop::info()};
    return rules;
}

} // namespace shutdown_repro::traces
