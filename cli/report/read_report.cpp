#include "cli/report/read_report.hpp"
#include <algorithm>
#include <nlohmann/json.hpp>
#include "cli/report/explored.hpp"
#include "repro/input/committed_json.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {

using repro::check_result;
using repro::gate_violation;
using repro::located_value;
using repro::outcome;
using repro::standing;

namespace {

constexpr std::size_t most_bytes = 64 << 20, most_items = 100'000;

std::string shown(repro::located_value const& v) {
    return v.json().dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 60);
}

// Reads a word of an enumeration.
template <class Word> Word word_of(located_value const& v, std::string_view name, std::initializer_list<Word> all) {
    std::vector<std::string_view> words;
    for (Word const w : all) words.push_back(name_of(w));
    std::string_view const is = field(v, name).one_of(words);
    return all.begin()[std::ranges::find(words, is) - words.begin()];
}

gate_violation gate_violation_of(located_value const& v) {
    gate_violation s;
    s.rule = rule_named(field(v, "rule"));
    s.level = severity_of(v);
    s.fingerprint = text_of(v, "fingerprint");
    s.stands = word_of(v, "stands",
        {standing::fresh, standing::worse, standing::known, standing::excepted, standing::expected, standing::allowed,
            standing::follows});
    s.count = count_of(v, "count");
    s.message = text_of(v, "message");
    s.inside = texts_of(v, "inside");
    for (located_value const& step : field(v, "witness").items("a list of events", 0, most_items))
        s.witness.push_back({count_of(step, "at"), text_of(step, "what")});
    for (char const* const name : {"caused_by", "led_to"})
        if (auto const causes = v.find(name)) {
            s.led_to = std::string_view(name) == "led_to";
            for (located_value const& c : causes->items("a list of violations", 0, most_items))
                s.caused_by.push_back({rule_named(field(c, "rule")), text_of(c, "fingerprint")});
        }
    s.reason = text_or_none(v, "reason");
    s.replay = text_or_none(v, "replay");
    s.trace = text_or_none(v, "trace");
    return s;
}

repro::expectation expectation_of(located_value const& v) {
    if (v.json().is_string() && v.text("") == "clean") return {};
    if (!v.json().is_object()) v.must_be("\"clean\" or the violated rules");
    return {.clean = false, .rules = texts_of(v, "violated")};
}

repro::explored_part explored_of(located_value const& v, std::string const& name) {
    exploration_report report = exploration_from(v, name);
    repro::explored_part p{report.how, std::move(report.found), {}};
    std::size_t const wanted = p.found.findings.size() -
        static_cast<std::size_t>(std::ranges::count(p.found.findings, "", &repro::finding::rule));
    for (located_value const& s : field(v, "shown").items("as many as there are violations of rules", wanted, wanted))
        p.shown.push_back(gate_violation_of(s));
    return p;
}

check_result check_result_of(located_value const& v, std::string const& name) {
    v.check_object("a check");
    check_result c;
    c.name = text_of(v, "name");
    c.result = word_of(v, "outcome", {outcome::passed, outcome::failed, outcome::stale, outcome::inconclusive});
    c.why = texts_of(v, "why");
    c.file = text_of(v, "file");
    c.line = static_cast<std::uint32_t>(count_of(v, "line", 0, 1'000'000'000));
    c.scenario = text_of(v, "scenario");
    c.policy = text_of(v, "policy");
    c.world = *server::parse_word<server::world_kind>(field(v, "world").one_of(server::words<server::world_kind>()));
    c.strategy = text_of(v, "strategy");
    c.target = text_of(v, "target");
    c.probe = text_of(v, "probe");
    c.expected = expectation_of(field(v, "expect"));
    c.allowed = texts_of(v, "allow");
    c.trials = count_of(v, "executions");
    c.violated = count_of(v, "violated");
    c.inconclusive = count_of(v, "inconclusive");
    c.exact = flag_of(v, "exact");
    c.trouble = text_of(v, "trouble");
    c.guarantee = text_of(v, "guarantee");
    if (!field(v, "seconds").json().is_number()) field(v, "seconds").must_be("a number");
    c.seconds = field(v, "seconds").json().get<double>();
    for (located_value const& s : field(v, "violations").items("a list of violations", 0, most_items))
        c.violations.push_back(gate_violation_of(s));
    if (auto const explored = v.find("explored")) c.explored = explored_of(*explored, name);
    return c;
}

repro::gate_rules rules_of(located_value const& v, std::string const& baseline) {
    return {repro::baseline_from(field(v, "baseline"), baseline), text_of(v, "today"), flag_of(v, "allow_stale"),
        texts_of(v, "names")};
}

} // namespace

void fail(std::string const& path, std::string const& problem) { throw repro::input_error(path + ": " + problem); }

repro::located_document read_report(std::string const& path) {
    repro::located_document document = repro::located_document::read(path, most_bytes);
    repro::located_value const root = document.root();
    root.check_object("a report");
    auto const is = [&](char const* field, std::string_view wanted) {
        auto const found = root.find(field);
        if (!found) fail(path, std::string("not a report of shutdown-repro: it has no \"") + field + "\"");
        if (!found->json().is_string() || found->text("") != wanted)
            fail(path,
                std::string("\"") + field + "\" is " + shown(*found) + ", but must be \"" + std::string(wanted) + "\"");
    };
    is("format", "shutdown-repro/report");
    is("version", "1.0");
    is("tool", "shutdown-repro " SHUTDOWN_REPRO_VERSION);
    if (auto const verdict = root.find("verdict"); verdict && verdict->json() == "error")
        fail(path, "its shard failed: " + (root.find("message") ? shown(*root.find("message")) : ""));
    return document;
}

repro::gate_result gate_from(repro::located_document const& document) {
    located_value const root = document.root();
    repro::gate_result r;
    r.file = text_of(root, "gate");
    r.baseline = text_of(root, "baseline");
    r.interrupted = flag_of(root, "interrupted");
    r.stale = texts_of(root, "stale");
    if (auto const shard = root.find("shard")) r.shard = {shard_of(*shard), rules_of(*shard, r.baseline)};
    for (located_value const& c : field(root, "checks").items("a list of checks", 0, most_items))
        r.checks.push_back(check_result_of(c, document.name()));
    return r;
}

located_value field(located_value const& v, std::string_view name) {
    if (auto const found = v.find(name)) return *found;
    v.fail("has no \"" + std::string(name) + "\"");
}
std::string text_of(located_value const& v, std::string_view name) { return field(v, name).text("a text"); }
std::string text_or_none(located_value const& v, std::string_view name) {
    auto const found = v.find(name);
    return found ? found->text("a text") : "";
}
std::uint64_t count_of(located_value const& v, std::string_view name, std::int64_t least, std::int64_t most) {
    return static_cast<std::uint64_t>(field(v, name).number("a count", least, most));
}
bool flag_of(located_value const& v, std::string_view name) {
    field(v, name).check_flag();
    return field(v, name).json().get<bool>();
}

std::vector<std::string> texts_of(located_value const& v, std::string_view name) {
    std::vector<std::string> all;
    for (located_value const& text : field(v, name).items("a list of texts", 0, most_items))
        all.push_back(text.text("a text"));
    return all;
}

traces::severity severity_of(located_value const& v) {
    for (traces::severity const s : {traces::severity::note, traces::severity::warning, traces::severity::error})
        if (text_of(v, "severity") == name_of(s)) return s;
    field(v, "severity").must_be("error, warning or note");
}

repro::share shard_of(located_value const& v) {
    auto const of = static_cast<std::uint32_t>(count_of(v, "of", 1, 100'000));
    return {static_cast<std::uint32_t>(count_of(v, "number", 1, of)) - 1, of};
}

} // namespace shutdown_repro::cli
