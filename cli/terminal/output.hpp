// Standard output, checked: a full disk or a closed pipe is an error like any other and never passes silently. And how text
// looks there: its width, and whether in colour.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include "traces/views/text.hpp"

namespace shutdown_repro::cli {

// automatic: on a terminal, unless NO_COLOR is set or TERM is dumb.
enum class coloring : std::uint8_t { automatic, always, never };

class output {
public:
    coloring color = coloring::automatic;

    traces::look page() const;    // of standard output; as COLUMNS says, or 80, when it is no terminal
    void print(std::string_view); // buffered
    void finish();                // throws input_error when something was not written
    // One line on standard error that the next one replaces; nothing when that is no terminal. "" removes it.
    void progress(std::string_view);

private:
    bool progress_shown_ = false;
};

// On standard error, with what would steer the terminal made visible. It may quote a server, in several lines: each begins
// with something of ours, and none of it is a command to GitHub's runner, which reads "::" where a line begins, and "##[".
// Returns the status.
int complain(std::string_view what, int status);

// Makes sure that no file that is opened later becomes standard input, output or error.
void reserve_standard_streams();

} // namespace shutdown_repro::cli
