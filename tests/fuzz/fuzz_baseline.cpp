// Fuzzes the reader of baselines.
#include "repro/gate/baseline.hpp"
#include "repro/input/errors.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/phrases/text.hpp"

using namespace shutdown_repro;

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    try {
        std::string const once =
            to_text(repro::parse_baseline({reinterpret_cast<char const*>(bytes), size}, "fuzz.json"));
        fuzz::holds(to_text(repro::parse_baseline(once, "again.json")) == once,
            "what is written is read back as the same", once);
        fuzz::holds_json(once, "the file");
    } catch (repro::input_error const& e) { fuzz::holds_tame(traces::printable(e.what()), "the complaint"); }
    return 0;
}
