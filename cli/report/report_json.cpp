#include <nlohmann/json.hpp>
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "repro/gate/wilson.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {
namespace {

using json = nlohmann::ordered_json;

json document(std::string_view verdict) {
    return {{"format", "shutdown-repro/report"}, {"version", "1.0"}, {"tool", "shutdown-repro " SHUTDOWN_REPRO_VERSION},
        {"verdict", verdict}};
}

json json_of(traces::violation const& v) {
    return {{"rule", v.rule}, {"severity", name_of(v.level)}, {"subject", v.subject ? to_string(v.subject) : ""},
        {"at", v.at}, {"witness", v.witness}, {"message", v.message}, {"inside", v.inside}};
}

// Of violation i of a judgement: with what it follows from, what it led to, or the earlier root that it is alike to.
json json_of(judgement const& j, std::size_t i) {
    json one = json_of(j.violations[i]);
    traces::defect_place const& place = j.defects[i];
    bool const is_root = place.is == traces::defect_part::root;
    if (is_root && place.like == i) return one;
    traces::violation const& other = j.violations[is_root ? place.like : place.root];
    one[is_root                                      ? "like"
            : place.is == traces::defect_part::after ? "caused_by"
                                                     : "led_to"] = {
        {"rule", other.rule}, {"subject", other.subject ? to_string(other.subject) : ""}, {"at", other.at}};
    return one;
}

std::size_t defects_in(judgement const& j) { return traces::defects_in(j.violations, j.defects); }

json json_of(std::vector<traces::rule_run::skipped> const& rules) {
    json list = json::array();
    for (auto const& s : rules) list.push_back({{"rule", s.rule->id}, {"why", s.why()}});
    return list;
}

// A trace may contain invalid UTF-8; the document never does.
std::string text(json const& document) { return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

} // namespace

std::string as_json(run_report const& r) {
    json d = document(name_of(r.verdict()));
    d["scenario"] = r.scenario.name;
    d["world"] = server::word_of(r.world);
    if (r.scenario.kind() != server::server_kind::scopes) { // scopes alone have no requests and no policy
        d["policy"] = policy_of(r.scenario);
        d["requests"] = requests_of(r.scenario);
    }
    d["executions"] = r.executions;
    d["violated"] = r.violated;
    d["inconclusive"] = r.inconclusive;
    d["rules"] = json::object();
    for (auto const& [rule, count] : r.by_rule) d["rules"][rule] = count;
    for (auto const& o : r.orders)
        d["orders"].push_back({{"schedule", o.schedule}, {"verdict", name_of(o.verdict)}, {"rules", o.rules}});
    d["defects"] = defects_in(r.judged);
    d["violations"] = json::array();
    for (std::size_t i = 0; i < r.judged.violations.size(); ++i) {
        json one = json_of(r.judged, i);
        if (!r.schedule.empty()) one["schedule"] = r.schedule;
        one["replay"] = r.again;
        d["violations"].push_back(std::move(one));
    }
    d["events"] = r.judged.events;
    d["duration_ns"] = r.judged.span;
    d["problems"] = r.judged.problems;
    d["not_applicable"] = json_of(r.judged.not_applicable);
    if (!r.trace_path.empty()) d["trace"] = r.trace_path;
    return text(d);
}

std::string as_json(std::vector<trace_judgement> const& all) {
    json d = document(name_of(verdict_of(all)));
    d["executions"] = all.size();
    d["violations"] = json::array();
    d["traces"] = json::array();
    for (auto const& [path, judged] : all) {
        for (std::size_t i = 0; i < judged.violations.size(); ++i) {
            json one = json_of(judged, i);
            one["trace"] = path;
            if (!judged.schedule.empty()) one["schedule"] = judged.schedule;
            d["violations"].push_back(std::move(one));
        }
        d["traces"].push_back({{"trace", path}, {"verdict", name_of(judged.verdict)}, {"scenario", judged.scenario},
            {"world", judged.world}, {"defects", defects_in(judged)}, {"events", judged.events},
            {"duration_ns", judged.span}, {"problems", judged.problems},
            {"not_applicable", json_of(judged.not_applicable)}});
    }
    return text(d);
}

namespace {

json of(repro::target_controls const& c) {
    json rest{{"took_ns", c.at_rest.took}, {"killed", c.at_rest.killed}, {"ended", c.at_rest.ended},
        {"left", c.at_rest.left}};
    if (!c.at_rest.unforwarded.empty()) rest["unforwarded"] = c.at_rest.unforwarded;
    if (!c.at_rest.trouble.empty()) rest = {{"problem", c.at_rest.trouble}};
    json urls = json::array();
    for (repro::url_control const& u : c.urls) {
        json one{{"path", u.asked.path}, {"method", u.asked.method}, {"took_ns", u.took}};
        if (u.answer)
            one.update({{"status", u.answer->status}, {"body", u.answer->body}, {"framed", u.answer->framed},
                {"same_length", u.same_length}, {"same_bytes", u.same_bytes}});
        if (!u.trouble.empty()) one["problem"] = u.trouble;
        urls.push_back(std::move(one));
    }
    return {{"at_rest", std::move(rest)}, {"urls", std::move(urls)}};
}

} // namespace

std::string as_json(target_report const& r) {
    json d = document(name_of(r.verdict()));
    d["target"] = r.target.name;
    d["target_version"] = r.version;
    d["world"] = "live";
    if (!r.target.adapter.empty()) d["adapter"] = r.target.adapter;
    if (r.all_orders) d["all_orders"] = *r.all_orders;
    if (!r.cut.empty()) d["not_complete"] = r.cut;
    if (!r.target.program) {
        d["stop"] = r.target.stop_in_words();
        if (r.target.act.what != repro::act_kind::stop) d["act"] = r.target.act.in_words();
        d["grace_ms"] = r.target.grace_ms;
        d["connections"] = r.connections;
    }
    if (r.controls) d["controls"] = of(*r.controls);
    d["executions"] = r.executions();
    d["violations"] = json::array();
    d["probes"] = json::array();
    for (probe_result const& p : r.probes) {
        json one{{"probe", p.probe}};
        if (!r.target.program) one["grade"] = name_of(p.grade), one["decides"] = p.counts;
        if (!p.skipped.empty()) {
            one["skipped"] = p.skipped;
            d["probes"].push_back(std::move(one));
            continue;
        }
        one.update({{"verdict", name_of(p.verdict())}, {"runs", p.runs}, {"violated", p.violated},
            {"inconclusive", p.inconclusive}, {"answered", p.answered}, {"lost", p.lost},
            {"turned_away", p.turned_away}, {"workers", p.outcome.workers}, {"killed", p.outcome.killed},
            {"clients", p.outcome.clients}, {"connected", p.outcome.connected}});
        if (!p.outcome.act.empty()) one["refused"] = p.outcome.refused;
        if (p.outcome.effect_after) one["effect_after_ns"] = *p.outcome.effect_after;
        if (p.outcome.ended_after) one["ended_after_ns"] = *p.outcome.ended_after, one["ended"] = p.outcome.how_ended;
        for (repro::tried_moment const& m : p.moments) {
            one["moments"].push_back({{"when", m.when}, {"stopped", m.why_not.empty()}});
            if (!m.why_not.empty()) one["moments"].back()["why"] = m.why_not;
        }
        one["rules"] = json::object();
        for (auto const& [rule, count] : p.by_rule) {
            auto const [low, high] = repro::wilson({count, p.runs});
            one["rules"][rule] = {{"runs", count}, {"low", low}, {"high", high}};
        }
        one["defects"] = defects_in(p.judged);
        one["problems"] = p.judged.problems;
        if (!p.failure.empty()) one["problems"].push_back(p.failure);
        one["not_applicable"] = json_of(p.judged.not_applicable);
        if (!p.trace_path.empty()) one["trace"] = p.trace_path;
        d["probes"].push_back(std::move(one));
        for (std::size_t i = 0; i < p.judged.violations.size(); ++i) {
            json violation = json_of(p.judged, i);
            violation["probe"] = p.probe;
            violation["replay"] = p.again;
            if (!p.trace_path.empty()) violation["trace"] = p.trace_path;
            d["violations"].push_back(std::move(violation));
        }
    }
    return text(d);
}

int reporting_errors(bool as_document, output& out, std::function<int()> const& it) {
    auto const report = [&](char const* message) {
        if (!as_document) return;
        json d = document("error");
        d["message"] = message;
        d["violations"] = json::array();
        out.print(text(d));
        out.finish();
    };
    try {
        return it();
    } catch (repro::input_error const& e) {
        report(e.what());
        throw;
    } catch (traces::trace_error const& e) {
        report(e.what());
        throw;
    }
}

} // namespace shutdown_repro::cli
