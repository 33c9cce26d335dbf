#include "cli/judgement.hpp"
#include <nlohmann/json.hpp>
#include <optional>

namespace shutdown_repro::cli {
namespace {

using namespace traces;

std::string scenario_name(std::string const& document) {
    auto const json = nlohmann::json::parse(document, nullptr, false);
    if (json.is_string()) return json.get<std::string>();
    if (!json.is_object()) return {};
    for (char const* key : {"scenario", "name"}) // ours, and what others may call it
        if (auto const name = json.find(key); name != json.end() && name->is_string()) return name->get<std::string>();
    return {};
}

// Hands the trace to the rules and notes on the way what a report says beside them.
class judge_as_it_comes final : public reader_events {
public:
    void on_header(header const& h) override {
        so_far_.world = h.world;
        so_far_.schedule = h.schedule;
        so_far_.scenario = scenario_name(h.scenario);
        rules_.on_header(h);
    }
    void on_event(event const& e) override {
        if (so_far_.events++ == 0) start_ = e.t;
        so_far_.span = e.t - start_;
        rules_.on_event(e);
    }
    void on_footer(footer const& f) override {
        foot_ = f;
        rules_.on_footer(f);
    }
    judgement result(std::vector<std::string> problems) {
        so_far_.problems = std::move(problems);
        auto const note = [&](std::string why) {
            if (so_far_.problems.empty()) so_far_.problems.push_back(std::move(why));
        };
        if (!foot_) note("the trace has no footer: it was cut short");
        else if (foot_->dropped) note(std::to_string(foot_->dropped) + " events were dropped");
        else if (!foot_->note.empty()) note(foot_->note);
        bool const complete = so_far_.problems.empty();
        rules_.finish(complete);
        so_far_.violations = rules_.violations();
        so_far_.not_applicable = rules_.not_applicable();
        so_far_.verdict = traces::judge(so_far_.violations, complete);
        return std::move(so_far_);
    }

private:
    rule_run rules_;
    judgement so_far_;
    std::optional<footer> foot_;
    nanoseconds start_ = 0;
};

} // namespace

judgement judge(trace const& t) {
    judge_as_it_comes judge;
    judge.on_header(t.head);
    for (event const& e : t.events) judge.on_event(e);
    if (t.foot) judge.on_footer(*t.foot);
    return judge.result(t.problems);
}

judgement judge_file(std::string const& path) {
    judge_as_it_comes judge;
    read_result read = read_stream(path, judge);
    return judge.result(std::move(read.problems));
}

} // namespace shutdown_repro::cli
