// Fuzzes the parser of filters, and applies each valid filter to a trace.
#include "tests/fuzz/holds.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/phrases/text.hpp"
#include "traces/views/filter.hpp"

using namespace shutdown_repro;

namespace {

std::size_t left_by(traces::filter& f, traces::trace const& t) {
    f.restart();
    std::size_t left = 0;
    for (traces::event const& e : t.events) left += f.fits(e);
    return left;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    static traces::trace const sample = traces::read_file(TEST_DATA "/scope-disposal.jsonl");
    std::string const text(reinterpret_cast<char const*>(bytes), size);
    try {
        traces::filter f(text);
        std::size_t const left = left_by(f, sample);
        fuzz::holds(left_by(f, sample) == left, "a filter says the same again", text);
        traces::filter others("not (" + text + ")");
        if (text.find_first_not_of(" \t\n\r\v\f") != text.npos)
            fuzz::holds(
                left + left_by(others, sample) == sample.events.size(), "an event fits a filter or its negation", text);
    } catch (traces::filter_error const& e) { fuzz::holds_tame(traces::printable(e.what()), "the complaint"); }
    return 0;
}
