// A fuzzer makes no progress if its corpus is refused at the first field.
#include "cli/report/explored.hpp"
#include "cli/report/read_report.hpp"
#include "repro/gate/baseline.hpp"
#include "repro/gate/file.hpp"
#include "repro/target/target.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;

TEST_CASE("the documents in the corpus of the fuzzers are valid") {
    std::string const corpus = SOURCE_DIR "/tests/fuzz/corpus/";
    CHECK_FALSE(repro::load_gate(corpus + "gate/two.json").checks.empty());
    CHECK_FALSE(repro::load_baseline(corpus + "baseline/both.json").current.empty());
    CHECK_FALSE(cli::gate_from(repro::located_document::read(corpus + "report/gate.json")).checks.empty());
    auto const exploration = repro::located_document::read(corpus + "report/exploration.json");
    CHECK_FALSE(cli::exploration_from(exploration.root(), exploration.name()).kept.empty());
    for (char const* name : {"late-free", "reactor", "scopes"})
        CHECK_NOTHROW(repro::load_scenario(corpus + "scenario/" + name + ".json"));
    for (char const* name : {"nginx", "node"}) CHECK_NOTHROW(repro::load_target(corpus + "target/" + name + ".json"));
}
