// The source files of this project, as text.
#pragma once
#include <string>
#include <vector>

namespace shutdown_repro::tests {

struct source_file {
    std::string path; // from the root, "repro/sim/execute.cpp"
    std::string text;
};

// All C++ files below these top-level folders, sorted by path.
std::vector<source_file> read_sources(std::vector<std::string> const& folders);
// The folders of the product, without the tests.
std::vector<std::string> const& product();

// The room of a file: its first two folders, "repro/sim"; of a file at the top of a top-level folder, that one.
std::string room_of(std::string const& path);
// What the file includes between these signs, as it is written there.
std::vector<std::string> includes(source_file const&, char open, char close);

// The text with every character of a comment, a string and a character literal replaced by a space. Line ends stay, so
// lines and columns do too.
std::string code_of(std::string const& text);
// The same the other way round: only the comments stay.
std::string comments_of(std::string const& text);

} // namespace shutdown_repro::tests
