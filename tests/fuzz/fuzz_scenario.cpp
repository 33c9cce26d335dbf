// Fuzzes the reader of scenario files, and after "--set " the setting of a field of a built-in scenario.
#include "repro/input/errors.hpp"
#include "repro/scenario/scenario.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/phrases/text.hpp"

using namespace shutdown_repro;

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    std::string_view text(reinterpret_cast<char const*>(bytes), size);
    try {
        repro::scenario s;
        if (text.starts_with("--set ")) {
            text.remove_prefix(6);
            auto const builtin = repro::builtin_scenarios();
            s = builtin[size % builtin.size()];
            auto const equals = text.find('=');
            repro::set_field(s, text.substr(0, equals), equals == text.npos ? "" : text.substr(equals + 1));
        } else {
            s = repro::scenario_from_text(text, "fuzz.json");
        }
        std::string const once = repro::to_json_text(s);
        fuzz::holds(repro::to_json_text(repro::scenario_from_text(once, "again.json")) == once,
            "what is written is read back as the same", once);
    } catch (repro::input_error const& e) {
        fuzz::holds_tame(traces::printable(e.what()), "the complaint");
        fuzz::holds(e.exit_status == repro::bad_input, "bad input is told as such", e.what());
    }
    return 0;
}
