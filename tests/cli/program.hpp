// Runs the real program in a folder of its own, and returns its output.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace shutdown_repro::cli_tests {

// A new empty folder, removed by the destructor.
class folder {
public:
    folder();
    folder(folder const&) = delete;
    ~folder();
    std::string const& path() const { return path_; }
    bool has(std::string const& name) const;
    std::string file(std::string const& name) const { return path_ + "/" + name; }
    std::string write(std::string const& name, std::string const& text) const; // gives its path
    std::string read(std::string const& name) const;

private:
    std::string path_;
};

struct result {
    int status = -1; // exit status, or 128 + signal
    std::string out, err;
};

enum class stream_is { kept, closed, full, terminal };

struct how {
    std::string in = {};                                 // the current folder; "" is a new one
    std::map<std::string, std::string> environment = {}; // beside ours
    std::string input = {};                              // standard input
    stream_is standard_output = stream_is::kept;
};

// Starts the program and gives access to its process id.
class program {
public:
    program(std::vector<std::string> arguments, how = {}, std::string executable = SHUTDOWN_REPRO);
    program(program const&) = delete;
    ~program();
    int id() const { return id_; }
    bool runs() const;
    result wait();

private:
    folder here_;
    how how_;
    int id_ = -1, terminal_ = -1;
};

inline result run(std::vector<std::string> arguments, how h = {}) {
    return program(std::move(arguments), std::move(h)).wait();
}
// Runs a line in a shell, which finds the program by its name.
result run_line(std::string const& line, std::string const& in);

std::vector<std::string> lines(std::string const& text);
std::size_t widest(std::string const& text); // returns the columns of the longest line
std::string slurp(std::string const& path);

} // namespace shutdown_repro::cli_tests
