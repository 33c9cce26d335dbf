// The source files of this project, as text.
#pragma once
#include <string>
#include <vector>

namespace shutdown_repro::tests {

struct source_file {
    std::string path; // from the root, such as "repro/sim/execute.cpp"
    std::string text;
};

// Returns all C++ files below these top-level folders, sorted by path.
std::vector<source_file> read_sources(std::vector<std::string> const& folders);
// Returns the top-level folders without the tests.
std::vector<std::string> const& product();

// Returns the room of a file: its first two folders, such as "repro/sim", or its top-level folder if it is directly in
// that.
std::string room_of(std::string const& path);
// Returns the includes of the file between these delimiters, as they are written.
std::vector<std::string> includes(source_file const&, char open, char close);

// Returns the text with all characters of comments and literals replaced by spaces. Line ends stay, so lines and
// columns do not change.
std::string code_of(std::string const& text);
// Returns the text with everything except comments replaced by spaces.
std::string comments_of(std::string const& text);

} // namespace shutdown_repro::tests
