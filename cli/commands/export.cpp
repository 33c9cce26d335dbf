#include "cli/commands/export.hpp"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>
#include "repro/input/errors.hpp"
#include "traces/exports/exports.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

class file {
public:
    explicit file(std::string path) : path_(std::move(path)), to_(std::fopen(path_.c_str(), "we")) {
        if (!to_) fail();
    }
    file(file const&) = delete;
    ~file() {
        if (to_) std::fclose(to_);
    }
    void print(std::string_view text) {
        if (std::fwrite(text.data(), 1, text.size(), to_) != text.size()) fail();
    }
    void finish() {
        if (std::fclose(std::exchange(to_, nullptr)) != 0) fail();
    }

private:
    [[noreturn]] void fail() const {
        throw repro::input_error("--output: can't write " + path_ + ": " + std::strerror(errno));
    }
    std::string path_;
    std::FILE* to_;
};

// The export would be written to the trace while the trace is read.
void refuse_to_overwrite(std::string const& to, std::string const& trace) {
    std::error_code ignored;
    if (std::filesystem::equivalent(to, trace == "-" ? "/dev/stdin" : trace, ignored))
        throw repro::input_error("--output: " + to + " is the trace itself; name another file");
}

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
    refuse_to_overwrite(to, path);
    std::optional<file> kept;
    auto const print = [&](std::string_view text) { kept ? kept->print(text) : out.print(text); };
    exporting it(*find_export_format(format), std::move(which), [&](std::string_view text) {
        if (!to.empty() && !kept) kept.emplace(to); // create no file when the input is not a trace
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
