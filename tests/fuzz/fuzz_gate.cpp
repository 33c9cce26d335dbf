// Fuzzes the reader of gate files.
#include "repro/gate/file.hpp"
#include "repro/input/errors.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/phrases/text.hpp"

using namespace shutdown_repro;

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    std::string const text(reinterpret_cast<char const*>(bytes), size);
    if (text.find("/dev") != text.npos || text.find("/proc") != text.npos)
        return 0; // a gate may name any file as a scenario; these never end
    try {
        repro::gate_file const g = repro::parse_gate(text, "fuzz.json");
        fuzz::holds(g.checks.size() <= 1000, "a gate has at most a thousand checks");
        for (repro::check_plan const& c : g.checks)
            fuzz::holds(c.line > 0 && c.executions > 0 && c.repeat > 0, "a check has a line and trials", text);
    } catch (repro::input_error const& e) {
        fuzz::holds_tame(traces::printable(e.what()), "the complaint");
        fuzz::holds(e.exit_status == repro::bad_input, "bad input is told as such", e.what());
    }
    return 0;
}
