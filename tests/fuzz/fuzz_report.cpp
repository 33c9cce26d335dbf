// Fuzzes the reader of the reports that merge reads: those of gates and explorations.
#include "cli/ci/gate_report.hpp"
#include "cli/report/explored.hpp"
#include "cli/report/read_report.hpp"
#include "repro/gate/merge.hpp"
#include "repro/input/errors.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/phrases/text.hpp"

using namespace shutdown_repro;

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(bytes), size);
    for (bool const of_gate : {true, false}) {
        try {
            auto const document = repro::located_document::parse(text, "fuzz.json");
            if (of_gate) {
                repro::gate_result const gate = cli::gate_from(document);
                fuzz::holds(gate.checks.size() <= size, "every check is in the text");
                fuzz::holds_tame(cli::as_text(gate, {}), "what is said of the gate");
                if (!gate.shard || gate.shard->mine.count > 1 || gate.interrupted) continue;
                fuzz::holds_tame(cli::as_text(repro::merged({gate}), {}), "what is said of the only shard, merged");
            } else {
                fuzz::holds_tame(cli::as_text(cli::exploration_from(document.root(), document.name()), {}),
                    "what is said of the exploration");
            }
        } catch (repro::input_error const& e) { fuzz::holds_tame(traces::printable(e.what()), "the complaint"); }
    }
    return 0;
}
