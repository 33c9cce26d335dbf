// Fuzzes the parsers of schedules and of lists of stop points.
#include <stdexcept>
#include "repro/input/errors.hpp"
#include "repro/schedule/decision.hpp"
#include "server_under_test/worlds/control.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/phrases/text.hpp"

using namespace shutdown_repro;

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(bytes), size);
    try {
        repro::schedule const s = repro::parse_schedule(text);
        std::string const once = to_string(s);
        fuzz::holds(to_string(repro::parse_schedule(once)) == once, "what is written is read back as the same", once);
    } catch (repro::input_error const& e) { fuzz::holds_tame(traces::printable(e.what()), "the complaint"); }
    try {
        for (server::stop_point const& p : server::parse_stop_points(text))
            fuzz::holds(p.count > 0, "points are counted from 1", text);
    } catch (std::invalid_argument const& e) { fuzz::holds_tame(traces::printable(e.what()), "the complaint"); }
    return 0;
}
