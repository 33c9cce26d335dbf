// The writer and the reader of the trace format. A test checks that the reader accepts what the writer writes.
// Format: man/shutdown-repro-trace.5 and traces/trace.schema.json.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Thrown when a trace can't be read or written. The message is a complete text for people, such as "trace.jsonl:3: …".
struct trace_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Each appends one line, with its '\n', to `out`.
void write_header(std::string& out, header const&);
void write_event(std::string& out, event const&);
void write_footer(std::string& out, footer const&);
// Appends a JSON string with its quotes. Escapes ASCII control characters and replaces invalid UTF-8 by U+FFFD.
void write_string(std::string& out, std::string_view);
std::string to_text(trace const&); // returns all lines
// Writes the whole trace. If that fails, the file stays as it was, and trace_error names the file and the reason.
void write_file(std::string const& path, trace const&);

// Receives a trace line by line. An event and everything that it views are valid during the call only.
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
        problems; // why the trace is incomplete, for people; at most twenty. If there is one, the trace is never clean
};

// The text of the problem "no footer". A caller that knows by other means how the execution ended may remove it.
inline constexpr std::string_view cut_short = "there is no footer: the trace was cut short";

// Reads a trace as a stream; memory does not grow with its length. `path` "-" is standard input. Throws trace_error,
// with file and line, if it is not a trace or has a newer major version. A torn last line, lost events and a missing
// footer are problems of the result, not errors.
read_result read_stream(std::string const& path, reader_events&);
// Reads a trace that is still being written. An incomplete last line waits until the rest of it is written.
class growing_trace {
public:
    growing_trace(std::string const& path, reader_events&);
    ~growing_trace();
    growing_trace(growing_trace const&) = delete;
    bool more();        // delivers the lines written since the last call; returns whether there were any
    bool ended() const; // whether the footer was read
    // Throws trace_error if the whole file is read and it was emptied, renamed, deleted or replaced.
    void must_be_there();
    read_result finish(); // call once; a last line without a line end counts as torn

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
read_result read_text(std::string_view text, std::string_view name, reader_events&);
trace read_file(std::string const& path);
void read_text_into(std::string_view text, std::string_view name, trace&); // replaces the contents of the trace

// A sink that appends to a file, one write(2) for each event: a process that dies loses at most the event that it was
// writing. After a failed write, such as on a full disk, error() says why, this event and all later ones count as
// dropped, and no footer is written.
class file_sink final : public sink {
public:
    explicit file_sink(std::string const& path); // truncates an existing file; throws trace_error if it can't be opened
    ~file_sink() override;
    file_sink(file_sink const&) = delete;
    void head(header const&);
    void put(event const&) override;
    void foot(footer const&);
    std::uint64_t dropped() const { return dropped_; }
    std::string const& error() const { return error_; } // the file and the reason of the failed write; "" for none

private:
    bool write_line();
    int fd_ = -1;
    std::string path_, line_, error_;
    std::uint64_t dropped_ = 0;
};

} // namespace shutdown_repro::traces
