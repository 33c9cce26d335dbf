// What one subcommand writes can be read by the others: traces and reports of built-in and of drawn scenarios, under
// drawn policies, strategies and seeds. Scenario files are drawn from the table of fields, so a new field takes part by
// itself.
//
// SHUTDOWN_REPRO_ROUNDS is the number of rounds, instead of the few of an ordinary run; SHUTDOWN_REPRO_FIRST_ROUND is
// the first of them. A round is a function of its number, which a failure prints.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "repro/explore/random.hpp"
#include "repro/explore/strategy.hpp"
#include "repro/input/errors.hpp"
#include "repro/scenario/fields.hpp"
#include "repro/scenario/moments.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "traces/format/jsonl.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr std::uint64_t usual_rounds = 6;
#else
constexpr std::uint64_t usual_rounds = 40;
#endif
constexpr std::size_t most_traces = 3; // to read of each folder, in the order of their names

std::uint64_t number_from(char const* variable, std::uint64_t otherwise) {
    char const* const text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Returns the text after the header; the header names the program that wrote the trace.
std::string events_of(std::string const& trace) { return trace.substr(trace.find('\n') + 1); }

class round_of_tests {
public:
    explicit round_of_tests(std::uint64_t number) : random_(11, number), number_(number) {}

    void run() {
        std::string const what = number_ % 2 ? drawn_file() : built_in();
        std::vector<std::string> const options = {"--seed", std::to_string(random_.below(1000))};
        explore(what, options);
        explore_shards(what);
        run_once(what);
        gate(what);
    }

private:
    std::string built_in() {
        auto const all = repro::builtin_scenarios();
        repro::scenario const& s = all[random_.below(static_cast<std::uint32_t>(all.size()))];
        std::string_view const policies[] = {"as-reported", "drained", repro::policy_of(s)};
        policy_ = policies[random_.below(3)];
        return s.name;
    }

    // Writes a scenario that can be explored: it need not say when stop is called.
    std::string drawn_file() {
        using server::server_kind;
        constexpr server_kind servers[] = {
            server_kind::scoped, server_kind::scoped, server_kind::reactor, server_kind::scopes};
        auto const draw = [this](std::uint32_t below) { return random_.below(below); };
        for (int tries = 0; tries < 100; ++tries) {
            json const document = repro::drawn_scenario(servers[random_.below(4)], draw);
            try {
                auto const located = repro::located_document::of(document, "drawn");
                (void)repro::scenario_from(located.root(), repro::call_check::where_said);
            } catch (repro::input_error const&) { continue; }
            here_.write("drawn.json", document.dump());
            return "./drawn.json";
        }
        FAIL("no drawn scenario is valid");
        return {};
    }

    result typed(std::vector<std::string> words) {
        std::string line;
        for (std::string const& w : words) line += w + " ";
        INFO("round " << number_ << ": " << line << "\n" << (here_.has("drawn.json") ? here_.read("drawn.json") : ""));
        result r = cli_tests::run(std::move(words), {.in = here_.path()});
        INFO(r.out << r.err);
        bool const understood = r.status == 0 || r.status == 1 || r.status == 3;
        CHECK(understood);
        return r;
    }

    void explore(std::string const& what, std::vector<std::string> const& options) {
        auto const strategies = repro::all_strategies();
        std::uint32_t const which = random_.below(static_cast<std::uint32_t>(strategies.size()) + 1);
        std::string_view const strategy = which < strategies.size() ? strategies[which].name : "auto";
        std::vector<std::string> words = {"explore", what, "--strategy", std::string(strategy), "--executions",
            std::to_string(30 + random_.below(200)), "--keep", "kept", "--json"};
        if (!policy_.empty()) words.insert(words.end(), {"--policy", policy_});
        words.insert(words.end(), options.begin(), options.end());
        json const report = json::parse(typed(words).out);
        CHECK(report.contains("verdict"));
        read_all("kept");
    }

    void explore_shards(std::string const& what) {
        if (number_ % 4) return;
        for (std::string const shard : {"1/2", "2/2"})
            here_.write(shard.substr(0, 1) + ".json",
                typed({"explore", what, "--executions", "60", "--shard", shard, "--keep", "shards", "--json"}).out);
        typed({"merge", "1.json", "2.json"});
        typed({"merge", "2.json", "1.json", "--json"});
        read_all("shards");
    }

    // A scenario that does not say when stop is called can only be explored.
    void run_once(std::string const& what) {
        try {
            (void)repro::load_scenario(what.starts_with("./") ? here_.file(what.substr(2)) : what);
        } catch (repro::input_error const&) { return; }
        std::vector<std::string> words = {"run", what, "--world", "sim", "--trace", "run.jsonl"};
        if (!policy_.empty()) words.insert(words.end(), {"--policy", policy_});
        typed(words);
        read_back("run.jsonl");
    }

    void gate(std::string const& what) {
        if (number_ % 3) return;
        json check = {{"scenario", what}, {"strategy", "auto"}, {"executions", 60}, {"expect", "clean"}};
        here_.write(
            "gate.json", json{{"format", "shutdown-repro/gate"}, {"version", "1.0"}, {"checks", {check}}}.dump());
        typed({"gate", "gate.json", "--keep", "gated", "--json"});
        read_all("gated");
    }

    void read_all(std::string const& folder) {
        if (!here_.has(folder)) return;
        std::vector<std::string> all;
        for (auto const& file : std::filesystem::directory_iterator(here_.file(folder)))
            if (file.path().extension() == ".jsonl") all.push_back(folder + "/" + file.path().filename().string());
        std::ranges::sort(all);
        if (all.size() > most_traces) all.resize(most_traces);
        for (std::string const& trace : all) read_back(trace);
        if (all.size() > 1) typed({"diff", all[0], all[1]});
        if (!all.empty() && number_ % 2) shrink(all.back());
    }

    void shrink(std::string const& trace) {
        if (typed({"check", trace}).status != 1) return;
        typed({"shrink", trace, "--trace", "small.jsonl"});
        read_back("small.jsonl");
    }

    void read_back(std::string const& trace) {
        result const replayed = typed({"replay", trace, "--trace", "again.jsonl"});
        CHECK_THAT(replayed.out, ContainsSubstring("are identical"));
        CHECK(events_of(here_.read(trace)) == events_of(here_.read("again.jsonl")));
        CHECK(typed({"check", trace}).status == replayed.status);
        CHECK(typed({"diff", trace, "again.jsonl"}).status == 0);
        traces::trace const t = traces::read_file(here_.file(trace));
        std::string const schedule = t.head.schedule;
        here_.write("schedule.json",
            json{{"format", "shutdown-repro/schedule"}, {"scenario", json::parse(t.head.scenario)},
                {"schedule", schedule}}
                .dump());
        CHECK(typed({"replay", "schedule.json"}).status == replayed.status);
        look_at(trace, t, replayed.status == 1);
    }

    void look_at(std::string const& trace, traces::trace const& t, bool violated) {
        std::vector<std::vector<std::string>> views = {{"--timeline"}, {"--tree"}, {"--explain"}, {"--stats"},
            {"--filter", "not decision"}, {"--html", "page.html"}, {"--html", "page.html", "--twin", "again.jsonl"}};
        for (char const* format : {"chrome", "perfetto", "otlp", "dot", "shiviz"})
            views.push_back({"--export", format});
        if (!t.events.empty()) views.push_back({"--follow", to_string(t.events.front().id)});
        if (violated) views.push_back({"--markdown"});
        // Every view of every trace would take too long.
        for (std::size_t i = 0; i < views.size(); ++i) {
            if (random_.below(3)) continue;
            std::vector<std::string> words = {"inspect", trace};
            words.insert(words.end(), views[i].begin(), views[i].end());
            CHECK(typed(words).status == 0);
        }
    }

    folder here_;
    repro::random_numbers random_;
    std::uint64_t number_;
    std::string policy_;
};

} // namespace

TEST_CASE("what a subcommand writes can be read by every other one, and a trace replays byte by byte") {
    std::uint64_t const first = number_from("SHUTDOWN_REPRO_FIRST_ROUND", 0);
    std::uint64_t const rounds = number_from("SHUTDOWN_REPRO_ROUNDS", usual_rounds);
    for (std::uint64_t n = first; n < first + rounds; ++n) round_of_tests(n).run();
}

// In the finding that first showed this, the shrunk scenario had no handler that calls stop.
TEST_CASE("a finding is shrunk only to a valid scenario, and its kept trace can be replayed") {
    folder const here;
    result const r = run({"explore", "scope-disposal", "--policy", "as-reported", "--strategy", "random",
                             "--executions", "200", "--keep", "k"},
        {.in = here.path()});
    CHECK(r.status == 1);
    std::size_t replayed = 0;
    for (auto const& file : std::filesystem::directory_iterator(here.file("k"))) {
        result const again = run({"replay", file.path().string()});
        INFO(file.path() << "\n" << again.out << again.err);
        CHECK_THAT(again.out, ContainsSubstring("are identical"));
        ++replayed;
    }
    CHECK(replayed > 7);
}
