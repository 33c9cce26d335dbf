// merge: the reports of all shards as the one report that they are parts of.
#include <nlohmann/json.hpp>
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/explored.hpp"
#include "cli/report.hpp"
#include "cli/shard.hpp"
#include "repro/errors.hpp"
#include "repro/located_json.hpp"
#include "repro/merge.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr std::size_t most_bytes = 64 << 20;

struct options {
    std::vector<std::string> reports;
    bool json = false;
};

struct part {
    std::string path;
    exploration_report told;
    repro::share shard() const { return *told.found.shard; }
};

[[noreturn]] void fail(std::string const& path, std::string const& problem) { throw repro::input_error(path + ": " + problem); }

std::string shown(repro::located_value const& v) { return v.json().dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 60); }

repro::located_document read_report(std::string const& path) {
    repro::located_document document = repro::located_document::read(path, most_bytes);
    repro::located_value const root = document.root();
    root.check_object("a report");
    auto const is = [&](char const* field, std::string_view wanted) {
        auto const found = root.find(field);
        if (!found) fail(path, std::string("is no report of shutdown-repro: it has no \"") + field + "\"");
        if (!found->json().is_string() || found->text("") != wanted) fail(path, std::string("\"") + field + "\" is " + shown(*found) + ", wanted is \"" + std::string(wanted) + "\"");
    };
    is("format", "shutdown-repro/report");
    is("version", "1.0");
    is("tool", "shutdown-repro " SHUTDOWN_REPRO_VERSION);
    if (auto const verdict = root.find("verdict"); verdict && verdict->json() == "error") fail(path, "tells that its shard failed: " + (root.find("message") ? shown(*root.find("message")) : ""));
    return document;
}

part read_part(std::string const& path) {
    repro::located_document const document = read_report(path);
    if (!document.root().find("asked")) fail(path, "is no report of an exploration (explore --shard I/N --json)");
    part p{path, exploration_from(document)};
    if (!p.told.found.shard) fail(path, "is no report of a shard (explore --shard I/N --json)");
    return p;
}

// What makes them parts of one.
void expect_alike(part const& a, part const& b) {
    auto const same = [&](std::string const& what, auto const& x, auto const& y) {
        if (x != y) fail(b.path, "has another " + what + " than " + a.path);
    };
    same("scenario", repro::to_json_text(a.told.found.of), repro::to_json_text(b.told.found.of));
    same("strategy", a.told.how.strategy, b.told.how.strategy);
    same("number of executions (--executions)", a.told.how.executions, b.told.how.executions);
    same("seed", a.told.how.seed, b.told.how.seed);
    same("number of shards", a.shard().count, b.shard().count);
}

// One that was interrupted has fewer stages, and then the others' are missing of it.
void expect_same_stages(part const& a, part const& b) {
    auto const names = [](part const& p) {
        std::string out;
        for (repro::stage const& s : p.told.found.stages) out += (out.empty() ? "" : ", ") + s.strategy;
        return out.empty() ? "none" : out;
    };
    if (names(a) != names(b)) throw repro::input_error(b.path + ": its shard went through " + names(b) + ", and that of " + a.path + " through " + names(a) + "; run it again", repro::inconclusive);
}

// Every shard once.
void expect_complete(std::vector<part> const& parts) {
    std::vector<part const*> by_number(parts.front().shard().count);
    for (part const& p : parts) {
        part const*& place = by_number[p.shard().index];
        if (place) fail(p.path, "is " + in_words(p.shard()) + ", and so is " + place->path);
        place = &p;
    }
    std::string missing;
    for (std::size_t i = 0; i < by_number.size(); ++i)
        if (!by_number[i] && missing.size() < 200) missing += (missing.empty() ? "" : ", ") + std::to_string(i + 1);
    if (!missing.empty()) throw repro::input_error("of " + std::to_string(by_number.size()) + " shards these are missing: " + missing + "; nothing can be said of the whole", repro::inconclusive);
}

exploration_report merged(std::vector<part> const& parts) {
    exploration_report whole;
    std::vector<repro::exploration> found;
    for (part const& p : parts) found.push_back(p.told.found);
    whole.found = repro::merged(found);
    whole.how = parts.front().told.how;
    whole.shards = parts.front().shard().count;
    for (repro::finding const& f : whole.found.findings) {
        kept_finding const* best = nullptr; // of the shard that has the shortest
        for (part const& p : parts)
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

int merge(options const& o, output& out) {
    std::vector<part> parts;
    for (std::string const& path : o.reports) parts.push_back(read_part(path));
    for (part const& p : parts) expect_alike(parts.front(), p);
    expect_complete(parts);
    for (part const& p : parts) expect_same_stages(parts.front(), p);
    exploration_report const whole = merged(parts);
    out.print(o.json ? as_json(whole) : as_text(whole, out.page()));
    return status_of(whole.found.verdict());
}

} // namespace

void add_merge(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<options>();
    CLI::App* const sub = app.add_subcommand("merge", "put the reports of all shards together and judge them as one");
    sub->add_option("REPORT", o->reports, "the --json reports of all shards")->required();
    sub->add_flag("--json", o->json, "print one report document");
    sub->callback([o, &chosen] { chosen = [o](output& out) { return reporting_errors(o->json, out, [&] { return merge(*o, out); }); }; });
}

} // namespace shutdown_repro::cli
