// Fuzzes the reader of target files.
#include "repro/input/errors.hpp"
#include "repro/target/target.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/phrases/text.hpp"

using namespace shutdown_repro;

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    try {
        repro::target const t = repro::target_from_text({reinterpret_cast<char const*>(bytes), size}, "fuzz.json");
        fuzz::holds(!t.name.empty() && !t.command.empty(), "a target has a name and a command");
    } catch (repro::input_error const& e) { fuzz::holds_tame(traces::printable(e.what()), "the complaint"); }
    return 0;
}
