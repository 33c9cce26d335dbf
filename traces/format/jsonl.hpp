// The trace format's writer and reader, together on purpose: what one writes the other reads, and a test holds it.
// Format: man/shutdown-repro-trace.5 and traces/trace.schema.json.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// The environment or the input is at fault; the message is complete and for people ("trace.jsonl:3: …").
struct trace_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Lines, each with its '\n', appended to `out`.
void write_header(std::string& out, header const&);
void write_event(std::string& out, event const&);
void write_footer(std::string& out, footer const&);
// A JSON string with its quotes: ASCII controls escaped, bytes that are no UTF-8 replaced by U+FFFD.
void write_string(std::string& out, std::string_view);
std::string to_text(trace const&); // all of it
// The whole trace, or trace_error (the message says which file and why) and the file as it was before.
void write_file(std::string const& path, trace const&);

// Receives a trace line by line. `event` and what it views are valid during the call.
class reader_events {
public:
    virtual ~reader_events() = default;
    virtual void on_header(header const&) = 0;
    virtual void on_event(event const&) = 0;
    virtual void on_footer(footer const&) = 0;
};

struct read_result {
    std::uint64_t events = 0;
    bool has_footer = false;
    std::vector<std::string>
        problems; // what makes it incomplete, for people, the first twenty; never clean when not empty
};

// The problem of a trace without a footer, in these words: who knows by other means how the execution ended may take it
// out.
inline constexpr std::string_view cut_short = "there is no footer: the trace was cut short";

// Streams a trace; memory does not grow with its length. Throws trace_error for what is no trace at all or of a newer
// major version, with file and line; a torn last line, lost events and a missing footer are problems, not errors.
// `path` "-" reads standard input.
read_result read_stream(std::string const& path, reader_events&);
// The same for a trace that is still being written. What stands after the last line end waits for its rest.
class growing_trace {
public:
    growing_trace(std::string const& path, reader_events&);
    ~growing_trace();
    growing_trace(growing_trace const&) = delete;
    bool more();        // hands on what has come since; false when nothing has
    bool ended() const; // its footer was read
    // Throws trace_error when the file was emptied, renamed, deleted or replaced, and all of it is read.
    void must_be_there();
    read_result finish(); // once; what has no line end counts as torn

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
read_result read_text(std::string_view text, std::string_view name, reader_events&);
trace read_file(std::string const& path);
void read_text_into(std::string_view text, std::string_view name, trace&); // replaces what the trace held

// An append-only sink: one write(2) an event, so that nothing is lost when the process dies but a torn last line.
// Throws trace_error when the file can't be opened. A failed write (full disk) is remembered in error(); it and all
// later events count as dropped, and no footer is written.
class file_sink final : public sink {
public:
    explicit file_sink(std::string const& path); // an existing file is emptied
    ~file_sink() override;
    file_sink(file_sink const&) = delete;
    void head(header const&);
    void put(event const&) override;
    void foot(footer const&);
    std::uint64_t dropped() const { return dropped_; }
    std::string const& error() const { return error_; } // "" while all went well, else the file and the reason

private:
    bool write_line();
    int fd_ = -1;
    std::string path_, line_, error_;
    std::uint64_t dropped_ = 0;
};

} // namespace shutdown_repro::traces
