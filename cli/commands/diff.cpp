// diff: compares two recorded traces, aligned by actor.
#include "traces/diff/diff.hpp"
#include <iostream>
#include <nlohmann/json.hpp>
#include "cli/commands/command.hpp"
#include "cli/report/judgement.hpp"
#include "cli/report/report.hpp"
#include "repro/input/errors.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;
using json = nlohmann::ordered_json;

struct diff_options {
    std::string a, b;
    bool json = false;
};

json id_or_null(ref r) { return r ? json(to_string(r)) : json(); }

json diff_json(event const* e) {
    if (!e) return nullptr;
    return {{"seq", e->seq}, {"kind", kind_text(*e)}, {"id", id_or_null(e->id)}, {"text", phrase(*e)}};
}

json diff_json(diff_side const& s, judgement const& j, std::string const& end) {
    json rules = json::array();
    for (violation const& v : j.violations)
        rules.push_back({{"rule", v.rule}, {"severity", name_of(v.level)}, {"at", v.at}});
    return {{"trace", s.name}, {"verdict", name_of(j.verdict)}, {"scenario", j.scenario}, {"world", j.world},
        {"schedule", j.schedule}, {"events", j.events}, {"end", end}, {"violations", rules}, {"problems", j.problems}};
}

json diff_json(compared_actor const& a) {
    json only_a = json::array(), only_b = json::array();
    std::uint64_t alike = 0;
    for (event_pair const& p : a.events) {
        if (p.alike()) ++alike;
        else if (p.a) only_a.push_back(p.a->seq);
        else only_b.push_back(p.b->seq);
    }
    return {{"a", id_or_null(a.a)}, {"b", id_or_null(a.b)}, {"name", a.name}, {"alike", alike}, {"only_a", only_a},
        {"only_b", only_b}};
}

std::string document(
    comparison const& c, diff_side const& a, judgement const& of_a, diff_side const& b, judgement const& of_b) {
    json d{{"format", "shutdown-repro/diff"}, {"version", "1.0"}, {"tool", "shutdown-repro " SHUTDOWN_REPRO_VERSION},
        {"alike", c.alike()}, {"a", diff_json(a, of_a, c.end_a)}, {"b", diff_json(b, of_b, c.end_b)},
        {"scenario", json::array()}};
    for (changed_field const& f : c.scenario) d["scenario"].push_back({{"field", f.name}, {"a", f.a}, {"b", f.b}});
    if (c.decision)
        d["decision"] = {{"index", c.decision->index}, {"later", c.decision->later}, {"a", diff_json(c.decision->at.a)},
            {"b", diff_json(c.decision->at.b)}};
    if (c.first.a || c.first.b) d["first"] = {{"a", diff_json(c.first.a)}, {"b", diff_json(c.first.b)}};
    if (c.reordered) d["reordered"] = {{"a", diff_json(c.reordered->a)}, {"b", diff_json(c.reordered->b)}};
    d["actors"] = json::array();
    for (compared_actor const& actor : c.actors) d["actors"].push_back(diff_json(actor));
    return d.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

int diff(diff_options const& o, output& out) {
    return reporting_errors(o.json, out, [&] {
        if (o.a == "-" && o.b == "-") throw repro::input_error("diff: only one of the traces can be standard input");
        trace const ta = read_file(o.a), tb = read_file(o.b);
        judgement const of_a = judge_for_report(ta), of_b = judge_for_report(tb);
        diff_side const a{ta, of_a.violations, o.a}, b{tb, of_b.violations, o.b};
        comparison const c = compare(ta, tb);
        for (auto const& [name, judged] : {std::pair{&o.a, &of_a}, std::pair{&o.b, &of_b}})
            for (std::string const& problem : judged->problems)
                std::cerr << "shutdown-repro: " << *name << ": " << printable(problem) << "\n";
        out.print(o.json ? document(c, a, of_a, b, of_b) : traces::diff(c, a, b, out.page()));
        return c.alike() ? repro::clean : repro::violated;
    });
}

} // namespace

void add_diff(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<diff_options>();
    CLI::App* const sub = app.add_subcommand("diff", "Compare two recorded traces, actor by actor");
    sub->add_option("A", o->a, "First trace file; - is standard input")->required();
    sub->add_option("B", o->b, "Second trace file; - is standard input")->required();
    sub->add_flag("--json", o->json, "Print the comparison as one JSON document");
    sub->callback([o, &chosen] { chosen = [o](output& out) { return diff(*o, out); }; });
}

} // namespace shutdown_repro::cli
