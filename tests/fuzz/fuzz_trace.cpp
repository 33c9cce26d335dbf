// Fuzzes the reader of traces. A trace is refused with a message, or it is judged and goes through every view and
// export.
#include <algorithm>
#include "cli/report/report.hpp"
#include "tests/fuzz/holds.hpp"
#include "traces/diff/diff.hpp"
#include "traces/exports/exports.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/markdown/bug_report.hpp"
#include "traces/page/page.hpp"
#include "traces/views/stats.hpp"
#include "traces/views/views.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::traces;
using fuzz::holds;
using fuzz::holds_json;
using fuzz::holds_tame;

namespace {

trace const& sample() {
    static trace const t = read_file(TEST_DATA "/scope-disposal.jsonl");
    return t;
}

void writes_what_it_reads(trace const& t) {
    std::string const once = to_text(t);
    trace again;
    read_text_into(once, "again.jsonl", again);
    holds(to_text(again) == once, "what is written is read back as the same", once);
}

void draws(trace const& t, cli::judgement const& judged) {
    text_style const style{80, false};
    auto const& broken = judged.violations;
    stats figures;
    for (event const& e : t.events) figures.on_event(e);
    holds_tame(timeline(t, broken, style), "the timeline");
    holds_tame(tree(t, broken, style), "the tree");
    holds_tame(explain(t, broken, style), "the explanation");
    holds_tame(figures.text(style), "the statistics");
    if (!t.events.empty()) holds_tame(follow(t, t.events.back().id, style), "what is followed");
    holds_tame(diff(compare(t, sample()), {t, broken, "a"}, {sample(), {}, "b"}, style), "the comparison");
    holds(compare(t, t).alike(), "a trace is like itself");
}

std::size_t times(std::string_view part, std::string_view text) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

void makes_a_page(trace const& t, cli::judgement const& judged) {
    static std::size_t const ours =
        times("<script", as_html({.title = "sample", .side = {.trace = sample(), .violations = {}}}));
    std::string const page = as_html(
        {.title = judged.scenario, .side = {t, judged.violations, judged.verdict, judged.problems, "fuzz.jsonl"}});
    holds_tame(page, "the page");
    holds(times("<script", page) <= ours, "the page has no script but its own"); // a page without events has fewer
    for (std::string_view const foreign : {"<img", "<iframe", "<object", "<embed", "<base", "<form"})
        holds(page.find(foreign) == page.npos, "the page has no element of the trace's");
}

void writes_a_bug_report(trace const& t, cli::judgement const& judged) {
    if (judged.violations.empty()) return;
    std::string const text = as_markdown(
        {.trace = t, .violations = judged.violations, .subject = judged.scenario, .document = t.head.scenario});
    holds_tame(text, "the bug report");
    holds(times("\n## Root cause", text) == 1, "a trace adds no heading to the bug report", text);
}

void exports(trace const& t) {
    for (export_format const& f : export_formats()) {
        std::string text;
        try {
            auto const to = f.make(t.head, [&](std::string_view part) { text += part; });
            for (event const& e : t.events) to->on_event(e);
            to->finish();
        } catch (trace_error const& e) {
            holds_tame(printable(e.what()), "the complaint");
            continue;
        }
        if (f.name == "chrome") holds_json(text, f.name);
        else if (f.name != "otlp") holds_tame(text, f.name);
        else
            for (std::size_t from = 0; from < text.size();) {
                std::size_t const end = text.find('\n', from);
                holds_json(std::string_view(text).substr(from, end - from), f.name);
                from = end == text.npos ? text.size() : end + 1;
            }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    trace t;
    try {
        read_text_into({reinterpret_cast<char const*>(bytes), size}, "fuzz.jsonl", t);
    } catch (trace_error const& e) {
        holds_tame(printable(e.what()), "the complaint");
        return 0;
    }
    writes_what_it_reads(t);
    cli::judgement const judged = cli::judge_for_report(t);
    holds(judged.verdict != verdict::clean || (t.foot && t.problems.empty()), "what is incomplete is not clean");
    holds_tame(cli::acts_as_text(judged, {80, false}), "the headline");
    holds_tame(cli::as_text({{"fuzz.jsonl", judged}}, {80, false}), "the report");
    draws(t, judged);
    if (size % 8 == 0) makes_a_page(t, judged); // slow, so only for some inputs
    writes_a_bug_report(t, judged);
    if (size % 8 == 4) exports(t);
    return 0;
}
