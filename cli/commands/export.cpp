#include "cli/commands/export.hpp"
#include <iostream>
#include <optional>
#include <utility>
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "traces/exports/exports.hpp"
#include "traces/format/inputs.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

class exporting final : public reader_events {
public:
    exporting(export_format const& f, filter which, text_sink to)
        : format_(f),
          filter_(std::move(which)),
          to_(std::move(to)) {}
    void on_header(header const& h) override { exporter_ = format_.make(h, to_); }
    void on_event(event const& e) override {
        ++seen_;
        if (!filter_.fits(e)) return;
        ++taken_;
        exporter_->on_event(e);
    }
    void on_footer(footer const&) override {}
    void finish() { exporter_->finish(); }
    bool took_nothing() const { return seen_ > 0 && taken_ == 0; }

private:
    export_format const& format_;
    filter filter_;
    text_sink to_;
    std::unique_ptr<exporter> exporter_;
    std::uint64_t seen_ = 0, taken_ = 0;
};

} // namespace

int export_trace(std::string const& path, std::string const& format, std::string const& to, filter which, output& out) {
    traces::note_input(path);
    if (!to.empty()) expect_spared("--output", to);
    std::optional<output_file> kept;
    auto const print = [&](std::string_view text) { kept ? kept->print(text) : out.print(text); };
    exporting it(*find_export_format(format), std::move(which), [&](std::string_view text) {
        if (!to.empty() && !kept) kept.emplace("--output", to); // create no file when the input is not a trace
        print(text);
    });
    read_result const read = read_stream(path, it);
    it.finish();
    if (kept) kept->finish();
    for (std::string const& problem : read.problems)
        std::cerr << "shutdown-repro: " << path << ": " << printable(problem) << "\n";
    if (it.took_nothing()) throw repro::input_error("--filter: no event of the trace matches", repro::nothing_selected);
    return repro::clean;
}

} // namespace shutdown_repro::cli
