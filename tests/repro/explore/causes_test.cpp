// Tests which findings of an exploration follow from which.
#include <algorithm>
#include "repro/explore/explore.hpp"
#include "repro/sim/judged.hpp"
#include "tests/catch.hpp"
#include "traces/causes/roots.hpp"
#include "traces/rules/fingerprint.hpp"

using namespace shutdown_repro;
using repro::exploration;
using repro::finding;

namespace {

std::atomic<bool> const never_interrupted = false;

exploration explored_by_name(std::string const& name, std::uint32_t jobs, bool find_causes) {
    repro::explore_options how;
    how.strategy = "random";
    how.executions = 400;
    how.jobs = jobs;
    how.find_causes = find_causes;
    return repro::explore(repro::with_open_acts(repro::load_scenario(name)), how, never_interrupted);
}

finding const* with_key(exploration const& e, std::uint64_t key) {
    auto const at = std::ranges::find(e.findings, key, &finding::key);
    return at == e.findings.end() ? nullptr : &*at;
}

// Whether the shortest execution of a finding shows it as a consequence of that root.
bool shows(exploration const& e, finding const& f, finding const& root) {
    repro::judged_execution const j = repro::judge_execution(e.of, f.shortest);
    auto const places = traces::roots_of(j.trace, j.judged.violations);
    for (std::size_t i = 0; i < places.size(); ++i)
        if (j.judged.violations[i].rule == f.rule && j.judged.violations[places[i].root].rule == root.rule &&
            traces::fingerprint(j.trace, j.judged.violations[places[i].root]) == root.fingerprint &&
            places[i].root != i)
            return true;
    return false;
}

} // namespace

TEST_CASE("each cause of a finding is a finding of the exploration, and its shortest execution shows one of them") {
    for (char const* const name : {"scope-disposal", "lost-finish", "lost-timer"}) {
        exploration const e = explored_by_name(name, 1, true);
        std::size_t followers = 0;
        for (finding const& f : e.findings) {
            bool shown = f.caused_by.empty();
            for (std::uint64_t const key : f.caused_by) {
                finding const* const root = with_key(e, key);
                INFO(name << ": " << f.rule << ", " << f.fingerprint);
                REQUIRE(root);
                CHECK(root != &f);
                shown = shown || shows(e, f, *root);
            }
            CHECK(shown);
            followers += !f.caused_by.empty();
        }
        INFO(name);
        CHECK(followers > 0);
    }
}

TEST_CASE("the causes of findings do not depend on the number of jobs, and finding them changes no finding") {
    exploration const one = explored_by_name("lost-finish", 1, true), three = explored_by_name("lost-finish", 3, true),
                      plain = explored_by_name("lost-finish", 1, false);
    REQUIRE(one.findings.size() == three.findings.size());
    REQUIRE(one.findings.size() == plain.findings.size());
    for (std::size_t i = 0; i < one.findings.size(); ++i) {
        CHECK(one.findings[i].caused_by == three.findings[i].caused_by);
        CHECK(plain.findings[i].caused_by.empty());
        CHECK(one.findings[i].key == plain.findings[i].key);
        CHECK(one.findings[i].count == plain.findings[i].count);
        CHECK(one.findings[i].shortest == plain.findings[i].shortest);
    }
}

TEST_CASE("what one execution shows without a root has no root in all, in any order of the executions") {
    using keys = std::vector<std::uint64_t>;
    auto const both = [](keys a, keys const& b) {
        repro::add_causes(a, b);
        return a;
    };
    CHECK(both({1, 4}, {2, 4}) == keys{1, 2, 4});
    CHECK(both({1}, {}).empty());
    CHECK(both({}, {1}).empty());
    CHECK(both(both({1}, {}), {1}).empty());
}
