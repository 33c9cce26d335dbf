// merge: the reports of all shards, of an exploration or of a gate, as the one report that they are parts of.
#include "repro/gate/merge.hpp"
#include <algorithm>
#include <tuple>
#include "cli/ci/publish.hpp"
#include "cli/commands/command.hpp"
#include "cli/options/shard.hpp"
#include "cli/report/explored.hpp"
#include "cli/report/gate_report.hpp"
#include "cli/report/read_report.hpp"
#include "cli/report/report.hpp"
#include "repro/explore/merge.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {
namespace {

struct merge_options {
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
using exploration_part = part<exploration_report>;
using gate_part = part<repro::gate_result>;

exploration_part explored(std::string const& path, repro::located_document const& document) {
    if (!document.root().find("asked")) fail(path, "is no report of an exploration (explore --shard I/N --json)");
    exploration_part p{path, exploration_from(document.root(), path), {}};
    if (!p.told.found.shard) fail(path, "is no report of a shard (explore --shard I/N --json)");
    p.shard = *p.told.found.shard;
    return p;
}

gate_part gated(std::string const& path, repro::located_document const& document) {
    if (!document.root().find("checks")) fail(path, "is no report of a gate (gate --shard I/N --json)");
    gate_part p{path, gate_from(document), {}};
    if (!p.told.shard) fail(path, "is no report of a shard (gate --shard I/N --json)");
    p.shard = p.told.shard->mine;
    return p;
}

template <class X>
void expect_same(std::string const& what, std::string const& a, X const& x, std::string const& b, X const& y) {
    if (x != y) fail(b, "has another " + what + " than " + a);
}

// What makes them parts of one.
void expect_alike(std::string const& path_a, repro::exploration const& a, repro::explore_options const& how_a,
    std::string const& path_b, repro::exploration const& b, repro::explore_options const& how_b) {
    auto const same = [&](std::string const& what, auto const& x, auto const& y) {
        expect_same(what, path_a, x, path_b, y);
    };
    same("scenario", repro::to_json_text(a.of), repro::to_json_text(b.of));
    same("strategy", how_a.strategy, how_b.strategy);
    same("number of executions (--executions)", how_a.executions, how_b.executions);
    same("seed", how_a.seed, how_b.seed);
}

// One that was interrupted has fewer stages, and then the others' are missing of it.
void expect_same_stages(
    std::string const& path_a, repro::exploration const& a, std::string const& path_b, repro::exploration const& b) {
    auto const names = [](repro::exploration const& e) {
        std::string out;
        for (repro::stage const& s : e.stages) out += (out.empty() ? "" : ", ") + s.strategy;
        return out.empty() ? "none" : out;
    };
    if (names(a) != names(b))
        throw repro::input_error(path_b + ": its shard went through " + names(b) + ", and that of " + path_a +
                " through " + names(a) + "; run it again",
            repro::inconclusive);
}

void expect_alike(gate_part const& a, gate_part const& b) {
    auto const same = [&](std::string const& what, auto const& x, auto const& y) {
        expect_same(what, a.path, x, b.path, y);
    };
    same("gate", a.told.file, b.told.file);
    same("baseline", a.told.baseline, b.told.baseline);
    same("content of the baseline", repro::to_text(a.told.shard->by.known), repro::to_text(b.told.shard->by.known));
    same("--allow-stale", a.told.shard->by.allow_stale, b.told.shard->by.allow_stale);
    same("list of checks", a.told.shard->by.names, b.told.shard->by.names);
}

// Of a check that both have.
void expect_alike(gate_part const& a, repro::checked const& x, gate_part const& b, repro::checked const& y) {
    std::string const check = "\"" + traces::printable(x.name) + "\"", in_a = a.path + ", " + check,
                      in_b = b.path + ", " + check;
    auto const plan = [](repro::checked const& c) {
        return std::tie(c.scenario, c.policy, c.world, c.strategy, c.target, c.probe, c.expected.clean,
            c.expected.rules, c.allowed);
    };
    expect_same("plan", in_a, plan(x), in_b, plan(y));
    expect_same("way to make its trials", in_a, x.explored.has_value(), in_b, y.explored.has_value());
    if (!x.explored) return;
    expect_alike(in_a, x.explored->found, x.explored->how, in_b, y.explored->found, y.explored->how);
    expect_same_stages(in_a, x.explored->found, in_b, y.explored->found);
}

std::vector<std::string> names_of(repro::gate_result const& r) {
    std::vector<std::string> names;
    for (repro::checked const& c : r.checks) names.push_back(c.name);
    return names;
}

// Every shard once.
template <class Told> void expect_complete(std::vector<part<Told>> const& parts) {
    for (part<Told> const& p : parts)
        expect_same("number of shards", parts.front().path, parts.front().shard.count, p.path, p.shard.count);
    std::vector<part<Told> const*> by_number(parts.front().shard.count);
    for (part<Told> const& p : parts) {
        part<Told> const*& place = by_number[p.shard.index];
        if (place) fail(p.path, "is " + in_words(p.shard) + ", and so is " + place->path);
        place = &p;
    }
    std::string missing;
    for (std::size_t i = 0; i < by_number.size(); ++i)
        if (!by_number[i] && missing.size() < 200) missing += (missing.empty() ? "" : ", ") + std::to_string(i + 1);
    if (!missing.empty())
        throw repro::input_error("of " + std::to_string(by_number.size()) + " shards these are missing: " + missing +
                "; nothing can be said of the whole",
            repro::inconclusive);
}

exploration_report merged(std::vector<exploration_part> const& parts) {
    exploration_report whole;
    std::vector<repro::exploration> found;
    for (exploration_part const& p : parts) found.push_back(p.told.found);
    whole.found = repro::merged(found);
    whole.how = parts.front().told.how;
    whole.shards = parts.front().shard.count;
    for (repro::finding const& f : whole.found.findings) {
        kept_finding const* best = nullptr; // of the shard that has the shortest
        for (exploration_part const& p : parts)
            for (kept_finding const& k : p.told.kept)
                if ((k.found.key == f.key || std::ranges::count(k.also, f.key)) &&
                    (!best || k.found.shortest == f.shortest))
                    best = &k;
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

int merge_explorations(std::vector<exploration_part> const& parts, merge_options const& o, output& out) {
    for (auto const& [flag, asked] :
        {std::pair("--junit", !o.reports.junit.empty()), std::pair("--sarif", !o.reports.sarif.empty()),
            std::pair("--github", o.reports.github), std::pair("--tap", o.reports.tap)})
        if (asked)
            throw repro::input_error(std::string(flag) + " is for the reports of a gate, and " + parts.front().path +
                " is of an exploration");
    exploration_part const& first = parts.front();
    for (exploration_part const& p : parts)
        expect_alike(first.path, first.told.found, first.told.how, p.path, p.told.found, p.told.how);
    expect_complete(parts);
    for (exploration_part const& p : parts) expect_same_stages(first.path, first.told.found, p.path, p.told.found);
    exploration_report const whole = merged(parts);
    out.print(o.json ? as_json(whole) : as_text(whole, out.page()));
    return status_of(whole.found.verdict());
}

int merge_gates(std::vector<gate_part> parts, merge_options const& o, output& out) {
    gate_part const& first = parts.front();
    for (gate_part const& p : parts) expect_alike(first, p);
    expect_complete(parts);
    for (gate_part const& p : parts) {
        if (p.told.interrupted)
            throw repro::input_error(p.path + ": its shard was interrupted; run it again", repro::inconclusive);
        expect_same("selection of checks (--only)", first.path, names_of(first.told), p.path, names_of(p.told));
        for (std::size_t k = 0; k < p.told.checks.size(); ++k)
            expect_alike(first, first.told.checks[k], p, p.told.checks[k]);
    }
    std::ranges::sort(parts, {}, [](gate_part const& p) { return p.shard.index; });
    std::vector<repro::gate_result> in_order;
    for (gate_part const& p : parts) in_order.push_back(p.told);
    repro::gate_result const whole = repro::merged(in_order);
    return publish(
        o.reports, whole, o.json ? as_json(whole) : as_text(whole, out.page()), status_of(worst_of(whole)), out);
}

int merge(merge_options const& o, output& out) {
    expect_possible(o.reports, o.json);
    expect_spared(o.reports, o.paths);
    std::vector<exploration_part> explorations;
    std::vector<gate_part> gates;
    for (std::string const& path : o.paths) {
        repro::located_document const document = read_report(path);
        if (gates.empty() && (!explorations.empty() || !document.root().find("checks")))
            explorations.push_back(explored(path, document));
        else gates.push_back(gated(path, document));
    }
    return gates.empty() ? merge_explorations(explorations, o, out) : merge_gates(gates, o, out);
}

} // namespace

void add_merge(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<merge_options>();
    CLI::App* const sub = app.add_subcommand("merge", "put the reports of all shards together and judge them as one");
    sub->add_option("REPORT", o->paths, "the --json reports of all shards")->required();
    add_report_options(*sub, o->reports);
    sub->add_flag("--json", o->json, "print one report document");
    sub->callback([o, &chosen] {
        chosen = [o](output& out) { return reporting_errors(o->json, out, [&] { return merge(*o, out); }); };
    });
}

} // namespace shutdown_repro::cli
