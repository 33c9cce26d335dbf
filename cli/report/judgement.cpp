#include "cli/report/judgement.hpp"
#include <nlohmann/json.hpp>
#include "traces/phrases/state.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

std::string scenario_name(std::string const& document) {
    auto const scenario = nlohmann::json::parse(document, nullptr, false);
    if (scenario.is_string()) return scenario.get<std::string>();
    if (!scenario.is_object()) return {};
    for (char const* key : {"scenario", "name"}) // ours, and what others may call it
        if (auto const name = scenario.find(key); name != scenario.end() && name->is_string())
            return name->get<std::string>();
    return {};
}

// Describes the unanswered requests, such as ", while request:2 (GET /2) is not answered".
std::string unanswered(model const& m) {
    std::vector<std::string> waiting;
    m.requests.each([&](std::uint32_t number, request_state const& r) {
        if (r.responded == no_seq) waiting.push_back(named({entity::request, number}, m));
    });
    if (waiting.empty()) return {};
    if (waiting.size() == 1) return ", while " + waiting[0] + " is not answered";
    return ", while " + waiting[0] +
        (waiting.size() == 2 ? " and " + waiting[1] : " and " + std::to_string(waiting.size() - 1) + " more") +
        " are not answered";
}

} // namespace

std::string trace_judge::moment_text(event const& e) const {
    model const& m = judge_.rules().state();
    return (e.by ? "by " + named(e.by, m) + " " : std::string()) + "at #" + std::to_string(e.seq) + ", " +
        duration(so_far_.span) + unanswered(m);
}

void trace_judge::on_header(header const& h) {
    so_far_.world = h.world;
    so_far_.schedule = h.schedule;
    so_far_.scenario = scenario_name(h.scenario.empty() ? h.target : h.scenario);
    so_far_.tool = h.tool;
    judge_.on_header(h);
}

void trace_judge::on_event(event const& e) {
    if (so_far_.events++ == 0) start_ = e.t;
    so_far_.span = elapsed(start_, e.t);
    judge_.on_event(e);
    roots_.note(e);
    if (e.what == kind::act_stop && so_far_.stop == "never") so_far_.stop = moment_text(e);
    if (e.what == kind::process_signal && e.seq == judge_.rules().state().t0)
        so_far_.stop = printable(e.text("signal")) + " " + moment_text(e);
    if (e.what == kind::act_free && so_far_.free == "never") so_far_.free = moment_text(e);
}

void trace_judge::on_footer(footer const& f) {
    judge_.on_footer(f);
    roots_.note(f);
}

judgement trace_judge::result(std::vector<std::string> problems) {
    static_cast<traces::judgement&>(so_far_) = judge_.result(std::move(problems));
    so_far_.defects = roots_.roots_of(so_far_.violations);
    return std::move(so_far_);
}

judgement judge_for_report(trace const& t) {
    trace_judge judge;
    judge.on_header(t.head);
    for (event const& e : t.events) judge.on_event(e);
    if (t.foot) judge.on_footer(*t.foot);
    return judge.result(t.problems);
}

judgement judge_file(std::string const& path) {
    trace_judge judge;
    read_result read = read_stream(path, judge);
    return judge.result(std::move(read.problems));
}

} // namespace shutdown_repro::cli
