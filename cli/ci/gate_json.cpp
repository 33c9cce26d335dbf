#include <nlohmann/json.hpp>
#include "cli/ci/gate_report.hpp"
#include "cli/report/explored.hpp"

namespace shutdown_repro::cli {
namespace {

using json = nlohmann::ordered_json;
using repro::check_result;
using repro::gate_violation;

json json_of(gate_violation const& s) {
    json j{{"rule", s.rule}, {"severity", name_of(s.level)}, {"fingerprint", s.fingerprint},
        {"stands", name_of(s.stands)}, {"count", s.count}, {"message", s.message}, {"inside", s.inside}};
    j["witness"] = json::array();
    for (gate_violation::step const& step : s.witness) j["witness"].push_back({{"at", step.at}, {"what", step.what}});
    for (gate_violation::cause const& c : s.caused_by)
        j[s.led_to ? "led_to" : "caused_by"].push_back({{"rule", c.rule}, {"fingerprint", c.fingerprint}});
    if (!s.reason.empty()) j["reason"] = s.reason;
    if (!s.replay.empty()) j["replay"] = s.replay;
    if (!s.trace.empty()) j["trace"] = s.trace;
    return j;
}

// The document that explore prints, and what is shown of each violation.
json json_of(repro::explored_part const& p) {
    exploration_report report;
    report.found = p.found;
    report.how = p.how;
    json j = json::parse(as_json(report));
    j["shown"] = json::array();
    for (gate_violation const& s : p.shown) j["shown"].push_back(json_of(s));
    return j;
}

json json_of(check_result const& c) {
    json j{{"name", c.name}, {"outcome", name_of(c.result)}, {"why", c.why}, {"file", c.file}, {"line", c.line},
        {"scenario", c.scenario}, {"policy", c.policy}, {"world", server::word_of(c.world)}, {"strategy", c.strategy},
        {"target", c.target}, {"probe", c.probe}};
    j["expect"] = c.expected.clean ? json("clean") : json{{"violated", c.expected.rules}};
    j["allow"] = c.allowed;
    j["executions"] = c.trials;
    j["violated"] = c.violated;
    j["inconclusive"] = c.inconclusive;
    j["exact"] = c.exact;
    j["trouble"] = c.trouble;
    j["guarantee"] = c.guarantee;
    j["seconds"] = c.seconds;
    j["violations"] = json::array();
    for (gate_violation const& s : c.violations) j["violations"].push_back(json_of(s));
    if (c.explored) j["explored"] = json_of(*c.explored);
    return j;
}

json json_of(repro::gate_result::part const& p) {
    return {{"number", p.mine.index + 1}, {"of", p.mine.count}, {"today", p.by.today},
        {"allow_stale", p.by.allow_stale}, {"names", p.by.names},
        {"baseline", json::parse(repro::to_text(p.by.known))}};
}

} // namespace

std::string as_json(repro::gate_result const& r) {
    json d{{"format", "shutdown-repro/report"}, {"version", "1.0"}, {"tool", "shutdown-repro " SHUTDOWN_REPRO_VERSION},
        {"verdict", name_of(worst_of(r))}};
    d["gate"] = r.file;
    d["baseline"] = r.baseline;
    d["interrupted"] = r.interrupted;
    d["stale"] = r.stale;
    if (r.shard) d["shard"] = json_of(*r.shard);
    d["checks"] = json::array();
    for (check_result const& c : r.checks) d["checks"].push_back(json_of(c));
    return d.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace shutdown_repro::cli
