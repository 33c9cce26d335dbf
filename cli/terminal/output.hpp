// Checked standard output: a full disk or a closed pipe is reported as an error. Also the width and the color of text.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::cli {

// automatic: on a terminal, unless NO_COLOR is set or TERM is dumb.
enum class coloring : std::uint8_t { automatic, always, never };

class output {
public:
    coloring color = coloring::automatic;

    // Returns width and color of standard output. The width is that of the terminal, else COLUMNS, else 80.
    traces::text_style page() const;
    void print(std::string_view); // buffered
    void finish();                // flushes; throws input_error when that fails
    // Shows one line on standard error that the next one replaces; "" removes it. Does nothing without a terminal.
    void progress(std::string_view);

private:
    bool progress_shown_ = false;
};

// Prints an error on standard error and returns `status`. Control characters are made visible. The text may quote a
// server in several lines: each gets a prefix, so that GitHub's runner, which reads "::" at the start of a line and
// "##[", finds no command in it.
int complain(std::string_view what, int status);

// Opens the standard streams that are closed, so that no file opened later becomes standard input, output or error.
void reserve_standard_streams();

} // namespace shutdown_repro::cli
