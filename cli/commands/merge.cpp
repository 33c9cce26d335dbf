// merge: combines the reports of all shards of one exploration or one gate into one report.
#include "repro/gate/merge.hpp"
#include <algorithm>
#include <tuple>
#include "cli/ci/gate_report.hpp"
#include "cli/ci/publish.hpp"
#include "cli/commands/command.hpp"
#include "cli/options/shard.hpp"
#include "cli/report/again.hpp"
#include "cli/report/explored.hpp"
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

// The report of one shard and the file that holds it.
template <class Report> struct part {
    std::string path;
    Report report;
    repro::share shard;
};
using exploration_part = part<exploration_report>;
using gate_part = part<repro::gate_result>;

exploration_part explored(std::string const& path, repro::located_document const& document) {
    if (!document.root().find("asked")) fail(path, "not the report of an exploration (explore --shard I/N --json)");
    exploration_part p{path, exploration_from(document.root(), path), {}};
    if (!p.report.found.shard) fail(path, "not the report of a shard (explore --shard I/N --json)");
    p.shard = *p.report.found.shard;
    return p;
}

gate_part gated(std::string const& path, repro::located_document const& document) {
    if (!document.root().find("checks")) fail(path, "not the report of a gate (gate --shard I/N --json)");
    gate_part p{path, gate_from(document), {}};
    if (!p.report.shard) fail(path, "not the report of a shard (gate --shard I/N --json)");
    p.shard = p.report.shard->mine;
    return p;
}

template <class X>
void expect_same(std::string const& what, std::string const& a, X const& x, std::string const& b, X const& y) {
    if (x != y) fail(b, what + " differs from that of " + a + "; merge only reports of one run");
}

// Checks that two reports are shards of the same exploration.
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

// Checks that two shards ran the same stages. An interrupted shard has fewer.
void expect_same_stages(
    std::string const& path_a, repro::exploration const& a, std::string const& path_b, repro::exploration const& b) {
    auto const names = [](repro::exploration const& e) {
        std::string out;
        for (repro::stage const& s : e.stages) out += (out.empty() ? "" : ", ") + s.strategy;
        return out.empty() ? "none" : out;
    };
    if (names(a) != names(b))
        throw repro::input_error(path_b + ": its shard ran the strategies " + names(b) + ", but that of " + path_a +
                " ran " + names(a) + "; run it again",
            repro::inconclusive);
}

void expect_alike(gate_part const& a, gate_part const& b) {
    auto const same = [&](std::string const& what, auto const& x, auto const& y) {
        expect_same(what, a.path, x, b.path, y);
    };
    same("gate", a.report.file, b.report.file);
    same("baseline", a.report.baseline, b.report.baseline);
    same("content of the baseline", repro::to_text(a.report.shard->by.known), repro::to_text(b.report.shard->by.known));
    same("--allow-stale", a.report.shard->by.allow_stale, b.report.shard->by.allow_stale);
    same("list of checks", a.report.shard->by.names, b.report.shard->by.names);
}

// Checks that two shards ran the same check.
void expect_alike(gate_part const& a, repro::check_result const& x, gate_part const& b, repro::check_result const& y) {
    std::string const check = "\"" + traces::printable(x.name) + "\"", in_a = a.path + ", " + check,
                      in_b = b.path + ", " + check;
    auto const plan = [](repro::check_result const& c) {
        return std::tie(c.scenario, c.policy, c.world, c.strategy, c.target, c.probe, c.expected.clean,
            c.expected.rules, c.allowed);
    };
    expect_same("plan", in_a, plan(x), in_b, plan(y));
    expect_same("kind of trials", in_a, x.explored.has_value(), in_b, y.explored.has_value());
    if (!x.explored) return;
    expect_alike(in_a, x.explored->found, x.explored->how, in_b, y.explored->found, y.explored->how);
    expect_same_stages(in_a, x.explored->found, in_b, y.explored->found);
}

std::vector<std::string> names_of(repro::gate_result const& r) {
    std::vector<std::string> names;
    for (repro::check_result const& c : r.checks) names.push_back(c.name);
    return names;
}

// Checks that every shard is there exactly once.
template <class Report> void expect_complete(std::vector<part<Report>> const& parts) {
    for (part<Report> const& p : parts)
        expect_same("number of shards", parts.front().path, parts.front().shard.count, p.path, p.shard.count);
    std::vector<part<Report> const*> by_number(parts.front().shard.count);
    for (part<Report> const& p : parts) {
        part<Report> const*& place = by_number[p.shard.index];
        if (place) fail(p.path, "is " + in_words(p.shard) + ", as is " + place->path + "; give each shard once");
        place = &p;
    }
    std::string missing;
    for (std::size_t i = 0; i < by_number.size(); ++i)
        if (!by_number[i] && missing.size() < 200) missing += (missing.empty() ? "" : ", ") + std::to_string(i + 1);
    if (!missing.empty())
        throw repro::input_error("missing shards of " + std::to_string(by_number.size()) + ": " + missing +
                "; the whole can't be judged without them",
            repro::inconclusive);
}

exploration_report merged(std::vector<exploration_part> const& parts) {
    exploration_report whole;
    std::vector<repro::exploration> found;
    for (exploration_part const& p : parts) found.push_back(p.report.found);
    whole.found = repro::merged(found);
    whole.how = parts.front().report.how;
    whole.shards = parts.front().shard.count;
    for (repro::finding const& f : whole.found.findings) {
        kept_finding const* best = nullptr; // from the shard with the shortest schedule
        for (exploration_part const& p : parts)
            for (kept_finding const& k : p.report.kept)
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
        if (!add_to_alike(whole.kept, k)) whole.kept.push_back(std::move(k));
    }
    find_defects(whole.kept);
    return whole;
}

int merge_explorations(std::vector<exploration_part> const& parts, merge_options const& o, output& out) {
    for (auto const& [flag, asked] :
        {std::pair("--junit", !o.reports.junit.empty()), std::pair("--sarif", !o.reports.sarif.empty()),
            std::pair("--github", o.reports.github), std::pair("--tap", o.reports.tap)})
        if (asked)
            throw repro::input_error(std::string(flag) + " is for the reports of a gate, but " + parts.front().path +
                " is the report of an exploration; leave the option out");
    exploration_part const& first = parts.front();
    for (exploration_part const& p : parts)
        expect_alike(first.path, first.report.found, first.report.how, p.path, p.report.found, p.report.how);
    expect_complete(parts);
    for (exploration_part const& p : parts) expect_same_stages(first.path, first.report.found, p.path, p.report.found);
    exploration_report const whole = merged(parts);
    out.print(o.json ? as_json(whole) : as_text(whole, out.page()));
    return status_of(whole.found.verdict());
}

int merge_gates(std::vector<gate_part> parts, merge_options const& o, output& out) {
    gate_part const& first = parts.front();
    for (gate_part const& p : parts) expect_alike(first, p);
    expect_complete(parts);
    for (gate_part const& p : parts) {
        if (p.report.interrupted)
            throw repro::input_error(p.path + ": its shard was interrupted; run it again", repro::inconclusive);
        expect_same("selection of checks (--only)", first.path, names_of(first.report), p.path, names_of(p.report));
        for (std::size_t k = 0; k < p.report.checks.size(); ++k)
            expect_alike(first, first.report.checks[k], p, p.report.checks[k]);
    }
    std::ranges::sort(parts, {}, [](gate_part const& p) { return p.shard.index; });
    std::vector<repro::gate_result> in_order;
    for (gate_part const& p : parts) in_order.push_back(p.report);
    repro::gate_result const whole = repro::merged(in_order, [](traces::header const& h) { return again_line(h); });
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
    CLI::App* const sub = app.add_subcommand("merge", "Combine the reports of all shards and judge them as one");
    sub->add_option("REPORT", o->paths, "The --json reports of all shards")->required();
    add_report_options(*sub, o->reports);
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->callback([o, &chosen] {
        chosen = [o](output& out) { return reporting_errors(o->json, out, [&] { return merge(*o, out); }); };
    });
}

} // namespace shutdown_repro::cli
