// merge: the reports of all shards, of an exploration or of a gate, as the one report that they are parts of.
#include <algorithm>
#include "cli/command.hpp"
#include "cli/explored.hpp"
#include "cli/gate_report.hpp"
#include "cli/read_report.hpp"
#include "cli/report.hpp"
#include "cli/reports/publish.hpp"
#include "cli/shard.hpp"
#include "repro/errors.hpp"
#include "repro/merge.hpp"

namespace shutdown_repro::cli {
namespace {

struct options {
    std::vector<std::string> paths;
    report_options reports;
    bool json = false;
};

// A shard's report.
template <class Told> struct part {
    std::string path;
    Told told;
    repro::share shard;
};
using explored_part = part<exploration_report>;
using gate_part = part<repro::gate_result>;

explored_part explored(std::string const& path, repro::located_document const& document) {
    if (!document.root().find("asked")) fail(path, "is no report of an exploration (explore --shard I/N --json)");
    explored_part p{path, exploration_from(document), {}};
    if (!p.told.found.shard) fail(path, "is no report of a shard (explore --shard I/N --json)");
    p.shard = *p.told.found.shard;
    return p;
}

gate_part gated(std::string const& path, repro::located_document const& document) {
    if (!document.root().find("checks")) fail(path, "is no report of a gate (gate --shard I/N --json)");
    gate_part p{path, gate_from(document), {}};
    if (!p.told.shard) fail(path, "is no report of a shard (gate --shard I/N --json)");
    p.shard = {p.told.shard->number - 1, p.told.shard->of};
    return p;
}

template <class X> void expect_same(std::string const& what, std::string const& a, X const& x, std::string const& b, X const& y) {
    if (x != y) fail(b, "has another " + what + " than " + a);
}

// What makes them parts of one.
void expect_alike(explored_part const& a, explored_part const& b) {
    auto const same = [&](std::string const& what, auto const& x, auto const& y) { expect_same(what, a.path, x, b.path, y); };
    same("scenario", repro::to_json_text(a.told.found.of), repro::to_json_text(b.told.found.of));
    same("strategy", a.told.how.strategy, b.told.how.strategy);
    same("number of executions (--executions)", a.told.how.executions, b.told.how.executions);
    same("seed", a.told.how.seed, b.told.how.seed);
    same("number of shards", a.shard.count, b.shard.count);
}

void expect_alike(gate_part const& a, gate_part const& b) {
    auto const same = [&](std::string const& what, auto const& x, auto const& y) { expect_same(what, a.path, x, b.path, y); };
    same("gate", a.told.file, b.told.file);
    same("baseline", a.told.baseline, b.told.baseline);
    same("list of checks", a.told.shard->names, b.told.shard->names);
    same("number of shards", a.shard.count, b.shard.count);
}

// One that was interrupted has fewer stages, and then the others' are missing of it.
void expect_same_stages(explored_part const& a, explored_part const& b) {
    auto const names = [](explored_part const& p) {
        std::string out;
        for (repro::stage const& s : p.told.found.stages) out += (out.empty() ? "" : ", ") + s.strategy;
        return out.empty() ? "none" : out;
    };
    if (names(a) != names(b)) throw repro::input_error(b.path + ": its shard went through " + names(b) + ", and that of " + a.path + " through " + names(a) + "; run it again", repro::inconclusive);
}

// Every shard once.
template <class Told> void expect_complete(std::vector<part<Told>> const& parts) {
    std::vector<part<Told> const*> by_number(parts.front().shard.count);
    for (part<Told> const& p : parts) {
        part<Told> const*& place = by_number[p.shard.index];
        if (place) fail(p.path, "is " + in_words(p.shard) + ", and so is " + place->path);
        place = &p;
    }
    std::string missing;
    for (std::size_t i = 0; i < by_number.size(); ++i)
        if (!by_number[i] && missing.size() < 200) missing += (missing.empty() ? "" : ", ") + std::to_string(i + 1);
    if (!missing.empty()) throw repro::input_error("of " + std::to_string(by_number.size()) + " shards these are missing: " + missing + "; nothing can be said of the whole", repro::inconclusive);
}

exploration_report merged(std::vector<explored_part> const& parts) {
    exploration_report whole;
    std::vector<repro::exploration> found;
    for (explored_part const& p : parts) found.push_back(p.told.found);
    whole.found = repro::merged(found);
    whole.how = parts.front().told.how;
    whole.shards = parts.front().shard.count;
    for (repro::finding const& f : whole.found.findings) {
        kept_finding const* best = nullptr; // of the shard that has the shortest
        for (explored_part const& p : parts)
            for (kept_finding const& k : p.told.kept)
                if ((k.found.key == f.key || std::ranges::count(k.also, f.key)) && (!best || k.found.shortest == f.shortest)) best = &k;
        if (!best) {
            ++whole.not_kept;
            continue;
        }
        kept_finding k = *best;
        k.found = f;
        k.also.clear();
        if (!told_before(whole.kept, k)) whole.kept.push_back(std::move(k));
    }
    return whole;
}

// Check k of all is in shard k modulo their number.
repro::gate_result merged(std::vector<gate_part> const& parts) {
    repro::gate_result whole = parts.front().told;
    auto const names = whole.shard->names;
    whole.shard.reset();
    whole.checks.clear();
    std::vector<gate_part const*> by_number(parts.size());
    for (gate_part const& p : parts) by_number[p.shard.index] = &p;
    for (std::size_t k = 0; k < names.size(); ++k) {
        gate_part const& p = *by_number[k % parts.size()];
        if (p.told.interrupted) throw repro::input_error(p.path + ": its shard was interrupted; run it again", repro::inconclusive);
        if (k / parts.size() >= p.told.checks.size() || p.told.checks[k / parts.size()].name != names[k]) fail(p.path, "lacks the check \"" + traces::printable(names[k]) + "\", which is its shard's");
        whole.checks.push_back(p.told.checks[k / parts.size()]);
    }
    return whole;
}

int merge_explorations(std::vector<explored_part> const& parts, options const& o, output& out) {
    for (auto const& [flag, asked] : {std::pair("--junit", !o.reports.junit.empty()), std::pair("--sarif", !o.reports.sarif.empty()), std::pair("--github", o.reports.github), std::pair("--tap", o.reports.tap)})
        if (asked) throw repro::input_error(std::string(flag) + " is for the reports of a gate, and " + parts.front().path + " is of an exploration");
    for (explored_part const& p : parts) expect_alike(parts.front(), p);
    expect_complete(parts);
    for (explored_part const& p : parts) expect_same_stages(parts.front(), p);
    exploration_report const whole = merged(parts);
    out.print(o.json ? as_json(whole) : as_text(whole, out.page()));
    return status_of(whole.found.verdict());
}

int merge_gates(std::vector<gate_part> const& parts, options const& o, output& out) {
    for (gate_part const& p : parts) expect_alike(parts.front(), p);
    expect_complete(parts);
    repro::gate_result const whole = merged(parts);
    return publish(o.reports, whole, o.json ? as_json(whole) : as_text(whole, out.page()), status_of(worst_of(whole)), out);
}

int merge(options const& o, output& out) {
    expect_possible(o.reports, o.json);
    std::vector<explored_part> explorations;
    std::vector<gate_part> gates;
    for (std::string const& path : o.paths) {
        repro::located_document const document = read_report(path);
        if (gates.empty() && (!explorations.empty() || !document.root().find("checks"))) explorations.push_back(explored(path, document));
        else gates.push_back(gated(path, document));
    }
    return gates.empty() ? merge_explorations(explorations, o, out) : merge_gates(gates, o, out);
}

} // namespace

void add_merge(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<options>();
    CLI::App* const sub = app.add_subcommand("merge", "put the reports of all shards together and judge them as one");
    sub->add_option("REPORT", o->paths, "the --json reports of all shards")->required();
    add_report_options(*sub, o->reports);
    sub->add_flag("--json", o->json, "print one report document");
    sub->callback([o, &chosen] { chosen = [o](output& out) { return reporting_errors(o->json, out, [&] { return merge(*o, out); }); }; });
}

} // namespace shutdown_repro::cli
