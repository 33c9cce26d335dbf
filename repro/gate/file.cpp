#include "repro/gate/file.hpp"
#include <algorithm>
#include <filesystem>
#include <map>
#include "repro/explore/explore.hpp"
#include "repro/input/committed_json.hpp"
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/live/live.hpp"
#include "repro/probe/probe.hpp"
#include "repro/scenario/moments.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t most_checks = 1'000, most_rules = 100, longest_line = 200;
constexpr std::int64_t most_executions = 1'000'000'000, most_repeats = 1'000'000;
constexpr std::uint32_t target_repeats = 3; // real servers vary from run to run

constexpr std::string_view document_fields[] = {"format", "version", "checks"};
constexpr std::string_view check_fields[] = {"name", "target", "probe", "scenario", "policy", "order", "stop", "free",
    "set", "world", "strategy", "executions", "seed", "repeat", "schedule", "expect", "allow"};

// Reads a text that is printed unchanged in reports.
std::string one_line(located_value const& v) {
    std::string const& text = v.text("one line of text");
    bool const controls = traces::printable(text) != text;
    if (text.empty() || text.size() > longest_line || controls)
        v.must_be("one line of text, of 1 to " + std::to_string(longest_line) + " characters");
    return text;
}

// ---- what is expected

std::vector<std::string> rules(located_value const& list, std::size_t fewest) {
    std::vector<std::string> all;
    for (located_value const& item : list.items("a list of rules", fewest, most_rules))
        if (std::string const& name = rule_named(item); !std::ranges::count(all, name)) all.push_back(name);
    return all;
}

expectation expectation_of(located_value const& v) {
    constexpr std::string_view shape = "\"clean\" or {\"violated\": [\"rule\", …]}";
    if (v.json().is_string() && v.json() == "clean") return {};
    if (!v.json().is_object()) v.must_be(std::string(shape));
    constexpr std::string_view known[] = {"violated"};
    refuse_unknown(v, known);
    auto const violated = v.find("violated");
    if (!violated) v.must_be(std::string(shape));
    return {false, rules(*violated, 1)};
}

// ---- which scenario

// Runs `it`. An error in it names the line of the field that caused it, instead of "--set".
template <class change> auto located(located_value const& v, change const& it) {
    try {
        return it();
    } catch (input_error const& e) {
        std::string what = e.what();
        if (what.starts_with("--set ")) what.erase(0, what.find(": ") + 2);
        throw input_error(v.where() + ": " + what, e.exit_status);
    }
}

// Reads another file. An error in that file names its own line; a file that can't be read is an error of this line.
template <class reading> auto from_file(located_value const& v, reading const& it) {
    try {
        return it();
    } catch (input_error const& e) {
        std::string const what = e.what();
        if (!what.starts_with("cannot read")) throw;
        throw input_error(v.where() + ": " + what, e.exit_status);
    }
}

std::string beside(std::string const& gate_path, std::string const& name) {
    std::string const path = (std::filesystem::path(gate_path).parent_path() / name).string();
    return path.find('/') == path.npos ? "./" + path : path;
}

scenario scenario_named(located_value const& v, std::string const& gate_path) {
    constexpr auto later = call_check::where_said; // refuse_uncalled() checks the rest
    if (v.json().is_object()) return scenario_from(v, later);
    std::string const& name = v.text("the name of a scenario, a file (\"./mine.json\") or a scenario");
    if (!name.ends_with(".json")) {
        if (name.find('/') != name.npos) v.fail("must be the name of a scenario, or a file that ends in .json");
        return located(v, [&] { return load_scenario(name, later); });
    }
    return from_file(v, [&] { return load_scenario(beside(gate_path, name), later); });
}

void set(scenario& s, located_value const& v, std::string_view key) {
    located(v, [&] { set_field(s, key, v.json().dump(), call_check::later); });
}

// ---- fields of a check

std::optional<std::uint64_t> number(
    located_value const& check, std::string_view field, std::string_view what, std::int64_t least, std::int64_t most) {
    auto const v = check.find(field);
    return v ? std::optional(static_cast<std::uint64_t>(v->number(what, least, most))) : std::nullopt;
}

void refuse(located_value const& check, std::initializer_list<std::string_view> fields, std::string const& because) {
    for (std::string_view const field : fields)
        if (auto const v = check.find(field)) v->fail(because);
}

// ---- a check of a target

target_plan target_named(located_value const& v, std::string const& gate_path) {
    std::string const& name = v.text("the name of a target (see: list targets), or a file (\"./mine.json\")");
    if (!name.ends_with(".json")) {
        if (name.find('/') != name.npos) v.fail("must be the name of a target, or a file that ends in .json");
        return {located(v, [&] { return load_target(name); }), name, {}, {}, {}};
    }
    std::string const path = beside(gate_path, name);
    return {from_file(v, [&] { return load_target(path); }), path, {}, {}, {}};
}

void read_probe(target_plan& t, located_value const& check) {
    auto const probe = check.find("probe");
    if (t.what.program) {
        if (probe)
            probe->fail(
                "must be left out: " + t.what.name + " is a program that sends its own requests and stops itself");
        return;
    }
    if (!probe) check.fail("has no \"probe\" (see: list probes)");
    std::vector<std::string_view> names;
    for (probe_info const& p : all_probes()) names.push_back(p.name);
    t.probe = probe->one_of(names);
    if (std::string const why = why_not(t.what, t.probe); !why.empty())
        probe->fail("can't be run against " + t.what.name + ": " + why);
}

void read_target(check_plan& c, located_value const& check, located_value const& which, std::string const& gate_path) {
    refuse(check, {"scenario", "policy", "stop", "free", "set", "world", "strategy", "executions", "seed"},
        "applies only to scenarios; a check of a target takes \"probe\", \"order\", \"schedule\" and \"repeat\"");
    target_plan& t = c.target.emplace(target_named(which, gate_path));
    if (t.named.ends_with(".json")) c.file = t.named;
    c.world = server::world_kind::live;
    read_probe(t, check);
    auto const order = check.find("order"), schedule = check.find("schedule");
    if (order) {
        constexpr std::string_view orders[] = {"client-first", "server-first"};
        t.order = order->one_of(orders);
        if (t.what.adapter.empty()) order->fail("needs an adapter, but " + t.what.name + " has none");
    }
    if (!schedule) return;
    if (!t.what.program) schedule->fail("applies only to targets that are programs, such as mojolicious-timer");
    if (order) schedule->fail("and \"order\" both choose the order; leave one of them out");
    c.when = located(*schedule, [&] { return parse_schedule(schedule->text("a schedule as printed by a report")); });
}

// ---- a check of a scenario

void read_scenario(check_plan& c, located_value const& check, std::string const& gate_path) {
    auto const which = check.find("scenario");
    if (!which) check.fail("has no \"scenario\": give a name (see: list scenarios), a file or a scenario");
    scenario& s = c.scenario = scenario_named(*which, gate_path);
    if (which->json().is_string() && which->text("").ends_with(".json")) c.file = beside(gate_path, which->text(""));
    if (auto const sets = check.find("set")) {
        sets->check_object("an object of fields of the scenario, such as {\"requests\": 3}");
        for (located_value const& field : sets->members()) {
            set(s, field, field.name());
            c.kept.stop = c.kept.stop || field.name() == stop_field(s);
            c.kept.free = c.kept.free || field.name() == "free";
        }
    }
    if (auto const v = check.find("policy")) set(s, *v, "policy");
    if (auto const v = check.find("order")) set(s, *v, "order");
    if (auto const v = check.find("stop")) set(s, *v, stop_field(s)), c.kept.stop = true;
    if (auto const v = check.find("free")) set(s, *v, "free"), c.kept.free = true;
}

void read_exploration(check_plan& c, located_value const& check) {
    refuse(check, {"executions", "seed"}, "applies only to a check with a \"strategy\"");
    if (c.world == server::world_kind::live) return refuse(check, {"schedule"}, "applies only to the simulated world");
    refuse(check, {"repeat"},
        "applies only to the live world: a simulated execution is the same each time; explore its schedules with "
        "\"strategy\"");
    if (auto const v = check.find("schedule"))
        c.when = located(*v, [&] { return parse_schedule(v->text("a schedule as printed by a report")); });
}

void read_strategy(check_plan& c, located_value const& check, located_value const& strategy) {
    std::vector<std::string_view> names{"auto"};
    for (strategy_info const& s : all_strategies()) names.push_back(s.name);
    c.strategy = strategy.one_of(names);
    if (c.world == server::world_kind::live)
        strategy.fail("applies only to the simulated world; repeat a live check with \"repeat\"");
    refuse(check, {"repeat"}, "applies only to a check without a \"strategy\"; use \"executions\" instead");
    refuse(check, {"schedule"}, "can't be given with a \"strategy\", which chooses schedules; leave one of them out");
    c.executions = number(check, "executions", "a number", 1, most_executions).value_or(c.executions);
    c.seed = number(check, "seed", "a number", 0, INT64_MAX).value_or(c.seed);
}

// ---- a check

std::string name_for(target_plan const& t) {
    std::string name = t.what.name;
    for (std::string const& word : {t.probe, t.order})
        if (!word.empty()) name += " " + word;
    return name;
}

std::string name_for(check_plan const& c) {
    if (c.target) return name_for(*c.target);
    scenario const& s = c.scenario;
    std::string name = s.name;
    if (std::string_view const policy = policy_of(s); !policy.empty()) name.append(" ").append(policy);
    return name + (c.world == server::world_kind::sim ? "" : " " + std::string(server::word_of(c.world)));
}

// Refuses a check that leaves a call to a handler that does not make it. An exploration makes the call itself, unless
// the check names its moment.
void refuse_uncalled(check_plan const& c, located_value const& check) {
    std::string_view const act = uncalled_act(c.scenario);
    if (act.empty()) return;
    bool const kept = act == "stop" ? c.kept.stop : c.kept.free;
    if (c.strategy.empty() || kept) check.find(act).value_or(*check.find("scenario")).fail(why_uncalled(act));
}

void read_executions(check_plan& c, located_value const& check, std::string const& gate_path) {
    refuse(check, {"probe"}, "applies only to a check with a \"target\"");
    if (auto const named = check.find("world"))
        c.world = *server::parse_word<server::world_kind>(named->one_of(server::words<server::world_kind>()));
    read_scenario(c, check, gate_path);
    if (auto const strategy = check.find("strategy")) read_strategy(c, check, *strategy);
    else read_exploration(c, check);
    refuse_uncalled(c, check);
    if (std::string const why = c.world == server::world_kind::live ? why_not_live(c.scenario) : ""; !why.empty())
        check.find("world")->fail("can't be \"live\": " + why);
}

check_plan read_check(located_value const& check, std::string const& gate_path) {
    check.check_object("a check, such as {\"scenario\": \"scope-disposal\", \"expect\": \"clean\"}");
    refuse_unknown(check, check_fields);
    check_plan c;
    c.line = check.line();
    if (auto const target = check.find("target")) read_target(c, check, *target, gate_path);
    else read_executions(c, check, gate_path);
    auto const expect = check.find("expect");
    if (!expect) check.fail("has no \"expect\": \"clean\" or {\"violated\": [\"rule\", …]}");
    c.expected = expectation_of(*expect);
    auto const repeat = number(check, "repeat", "a number", 1, most_repeats);
    c.repeat = static_cast<std::uint32_t>(repeat.value_or(c.expected.clean && c.target ? target_repeats : 1));
    c.open_ended = !repeat;
    if (auto const allow = check.find("allow")) c.allowed = rules(*allow, 0);
    for (std::string const& rule : c.allowed)
        if (std::ranges::count(c.expected.rules, rule))
            check.find("allow")->fail("must not have \"" + rule + "\", which the check expects to be violated");
    auto const name = check.find("name");
    c.name = name ? one_line(*name) : name_for(c);
    return c;
}

// ---- the document

gate_file gate_from(located_value const& root, std::string const& path) {
    expect_format(root, "gate", R"(a gate, such as {"format": "shutdown-repro/gate", "version": "1.0", "checks": []})");
    refuse_unknown(root, document_fields);
    auto const checks = root.find("checks");
    if (!checks) root.fail("has no \"checks\"");
    gate_file gate{path, {}};
    std::map<std::string, std::string> named; // the place of each name
    for (located_value const& check : checks->items("a list of checks", 0, most_checks)) {
        check_plan c = read_check(check, path);
        auto const [first, fresh] = named.try_emplace(c.name, check.where());
        if (!fresh)
            check.fail(
                "has the name of the check at " + first->second + ", \"" + c.name + "\"; give it another \"name\"");
        gate.checks.push_back(std::move(c));
    }
    return gate;
}

} // namespace

gate_file load_gate(std::string const& path) {
    located_document const document = located_document::read(path);
    return gate_from(document.root(), path);
}

gate_file parse_gate(std::string_view text, std::string const& path) {
    located_document const document = located_document::parse(text, path.empty() ? "the bundled suite" : path);
    return gate_from(document.root(), path);
}

} // namespace shutdown_repro::repro
