// The document of an exploration, written and read: merge reads what shards have written.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include "cli/report/explored.hpp"
#include "cli/report/read_report.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/committed_json.hpp"
#include "repro/input/errors.hpp"
#include "repro/scenario/moments.hpp"

namespace shutdown_repro::cli {

using json = nlohmann::ordered_json;
using repro::located_value;

namespace {

constexpr std::uint64_t most_decisions = 10'000'000; // of all schedules of a report together
constexpr std::size_t most_pieces = 10'000'000;

std::string hex(std::uint64_t key) {
    char text[16];
    auto const end = std::to_chars(text, text + sizeof text, key, 16).ptr;
    return {text, end};
}

std::uint64_t key_of(located_value const& v) {
    std::string const text = text_of(v, "key");
    std::uint64_t key = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), key, 16);
    if (failed != std::errc{} || end != text.data() + text.size())
        field(v, "key").must_be("up to 16 hexadecimal digits");
    return key;
}

// `room`: for so many decisions; a short text can name a late one.
repro::schedule schedule_of(located_value const& v, std::string_view name, std::uint64_t& room) {
    try {
        repro::schedule const s = repro::parse_schedule(text_of(v, name));
        if (s.choices.size() > room)
            throw repro::input_error(
                "those of a report have " + repro::with_commas(most_decisions) + " decisions at most");
        room -= s.choices.size();
        return s;
    } catch (repro::input_error const& e) { field(v, name).fail(std::string("is no schedule: ") + e.what()); }
}

repro::finding finding_of(located_value const& v, std::uint64_t& room) {
    repro::finding f;
    f.key = key_of(v);
    if (text_of(v, "rule") != unfinished) f.rule = rule_named(field(v, "rule"));
    if (f.rule.empty() != (f.key <= repro::finding::ended_at_limit))
        field(v, "key").fail("is 0 or 1 of those that are unfinished, and of no others");
    f.level = severity_of(v);
    f.fingerprint = text_of(v, "fingerprint");
    f.message = text_of(v, "message");
    f.first = count_of(v, "first", 1);
    f.count = count_of(v, "count", 1);
    f.shortest = schedule_of(v, "schedule", room);
    f.decisions = count_of(v, "decisions");
    if (f.decisions < f.shortest.choices.size()) field(v, "decisions").fail("is less than the schedule has");
    return f;
}

kept_finding kept_of(located_value const& v, repro::finding const& f, repro::scenario const& of, std::uint64_t& room) {
    kept_finding k{f, {of, {}, 0}, {}, {}, {}, {}};
    located_value const small = field(v, "shrunk");
    // Older reports counted two requests where scopes are alone.
    std::uint32_t const most = of.kind() == server::server_kind::scopes ? 2 : std::max(1u, requests_of(of));
    set_requests(k.small.scenario, static_cast<std::uint32_t>(count_of(small, "requests", 0, most)));
    k.small.schedule = schedule_of(small, "schedule", room);
    k.small.executions = count_of(small, "executions");
    if (auto const twin = v.find("passes")) {
        k.twin = {schedule_of(*twin, "schedule", room), count_of(*twin, "decision"), text_of(*twin, "taken"),
            text_of(*twin, "instead")};
        k.twin_trace = text_or_none(*twin, "trace");
    }
    k.trace = text_or_none(v, "trace");
    return k;
}

repro::stage stage_of(located_value const& v) {
    repro::stage s;
    s.strategy = text_of(v, "strategy");
    if (!repro::find_strategy(s.strategy)) field(v, "strategy").must_be("the name of a strategy");
    s.done = {count_of(v, "executions"), count_of(v, "violated"), count_of(v, "longest"), flag_of(v, "complete")};
    s.unfinished = count_of(v, "unfinished");
    s.pruned = count_of(v, "pruned");
    if (auto const pieces = v.find("pieces"))
        for (located_value const& size : pieces->items("a list of numbers of executions", 0, most_pieces))
            s.pieces.push_back(static_cast<std::uint32_t>(size.number("a number of executions", 0, UINT32_MAX)));
    return s;
}

// A finding; with its shrunk execution if it was kept.
json of(repro::finding const& f, exploration_report const& r) {
    json one{{"rule", rule_name(f)}, {"severity", name_of(f.level)}, {"fingerprint", f.fingerprint},
        {"message", f.message}, {"first", f.first}, {"count", f.count}, {"key", hex(f.key)},
        {"schedule", to_string(f.shortest)}, {"decisions", f.decisions}};
    auto const kept = std::ranges::find_if(
        r.kept, [&](kept_finding const& k) { return k.found.key == f.key || std::ranges::count(k.also, f.key) > 0; });
    if (kept == r.kept.end()) return one;
    kept_finding const& k = *kept;
    if (k.found.key != f.key) one["same_as"] = hex(k.found.key);
    one["shrunk"] = {{"requests", requests_of(k.small.scenario)}, {"schedule", to_string(k.small.schedule)},
        {"executions", k.small.executions}};
    if (k.twin)
        one["passes"] = {{"schedule", to_string(k.twin->schedule)}, {"decision", k.twin->decision},
            {"taken", k.twin->taken}, {"instead", k.twin->instead}};
    if (k.twin && !k.twin_trace.empty()) one["passes"]["trace"] = k.twin_trace;
    if (kept_finding const& root = r.kept[k.root]; &root != &k)
        one[k.led_to ? "led_to" : "caused_by"] = {{"rule", rule_name(root.found)}, {"key", hex(root.found.key)}};
    if (!k.trace.empty()) one["trace"] = k.trace;
    if (!k.trace.empty()) one["replay"] = shell_line({"shutdown-repro", "replay", k.trace});
    return one;
}

} // namespace

std::string as_json(exploration_report const& r) {
    json d{{"format", "shutdown-repro/report"}, {"version", "1.0"}, {"tool", "shutdown-repro " SHUTDOWN_REPRO_VERSION},
        {"verdict", name_of(r.found.verdict())}};
    d["scenario"] = r.found.of.name;
    d["world"] = "sim";
    if (r.found.of.kind() != server::server_kind::scopes) {
        d["policy"] = policy_of(r.found.of);
        d["requests"] = requests_of(r.found.of);
    }
    d["seed"] = r.how.seed;
    d["asked"] = {{"strategy", r.how.strategy}, {"executions", r.how.executions},
        {"scenario", json::parse(repro::to_json_text(r.found.of))}};
    if (r.found.shard)
        d["shard"] = {{"number", r.found.shard->index + 1}, {"of", r.found.shard->count}, {"from", r.shard_from}};
    if (r.shards) d["shards"] = r.shards;
    d["executions"] = r.found.executions;
    d["violated"] = r.found.violating;
    d["unfinished"] = r.found.unfinished;
    d["interrupted"] = r.found.interrupted;
    d["out_of_time"] = r.found.out_of_time;
    d["verified"] = r.found.verified;
    if (auto const n = count_defects(r)) d["defects"] = n->defects;
    d["violations"] = json::array();
    for (repro::finding const& f : r.found.findings) d["violations"].push_back(of(f, r));
    json& stages = d["stages"] = json::array();
    for (repro::stage const& s : r.found.stages) {
        stages.push_back({{"strategy", s.strategy}, {"executions", s.done.executions}, {"violated", s.done.violating},
            {"unfinished", s.unfinished}, {"pruned", s.pruned}, {"longest", s.done.longest},
            {"complete", s.done.complete}});
        if (!s.pieces.empty()) stages.back()["pieces"] = s.pieces;
    }
    std::string guarantee;
    for (std::string const& g : r.found.guarantees()) guarantee += (guarantee.empty() ? "" : "; ") + g;
    d["guarantee"] = guarantee;
    if (r.found.reached) {
        repro::coverage const& c = *r.found.reached;
        auto const part = [](repro::coverage::moment m) { return json{{"reached", m.reached}, {"of", m.of}}; };
        d["coverage"] = {{"stop_steps", part(c.stop_steps())}, {"free_steps", part(c.free_steps())},
            {"phases", part(c.phases())}, {"never", c.never(1'000)}, {"orders", c.orders()}};
    }
    return d.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

exploration_report exploration_from(located_value const& root, std::string const& name) {
    located_value const asked = field(root, "asked");
    exploration_report r;
    r.how.seed = field(root, "seed").json().is_number_unsigned() ? field(root, "seed").json().get<std::uint64_t>() : 0;
    r.how.strategy = text_of(asked, "strategy");
    r.how.executions = count_of(asked, "executions", 1);
    r.found.budget = r.how.executions;
    field(asked, "scenario").check_object("a scenario");
    r.found.of = repro::scenario_from_text(field(asked, "scenario").json().dump(), name, repro::call_check::never);
    if (auto const shard = root.find("shard")) {
        r.found.shard = shard_of(*shard);
        r.shard_from = text_of(*shard, "from");
    }
    r.found.executions = count_of(root, "executions");
    r.found.violating = count_of(root, "violated");
    r.found.unfinished = count_of(root, "unfinished");
    r.found.verified = count_of(root, "verified");
    r.found.interrupted = flag_of(root, "interrupted");
    r.found.out_of_time = flag_of(root, "out_of_time");
    for (located_value const& v : field(root, "stages").items("a list of stages", 0, 100))
        r.found.stages.push_back(stage_of(v));
    std::uint64_t room = most_decisions;
    for (located_value const& v : field(root, "violations").items("a list of violations", 0, 100'000)) {
        repro::finding const f = finding_of(v, room);
        r.found.findings.push_back(f);
        if (!v.find("shrunk")) ++r.not_kept;
        else if (kept_finding k = kept_of(v, f, r.found.of, room); !add_to_alike(r.kept, k))
            r.kept.push_back(std::move(k));
    }
    return r;
}

} // namespace shutdown_repro::cli
