// Helpers for the tests of the format.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::traces {

inline std::string text_of(trace const& t) {
    std::string out;
    write_header(out, t.head);
    for (event const& e : t.events) write_event(out, e);
    if (t.foot) write_footer(out, *t.foot);
    return out;
}

inline std::string line_of(event const& e) {
    std::string out;
    write_event(out, e);
    return out;
}

inline trace trace_of(std::string_view text) {
    trace t;
    read_text_into(text, "test.jsonl", t);
    return t;
}

inline std::string content_of(std::string const& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

class temporary_folder {
public:
    temporary_folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "trace-test-XXXXXX";
        if (!::mkdtemp(pattern.data())) std::abort();
        path_ = pattern;
    }
    temporary_folder(temporary_folder const&) = delete;
    ~temporary_folder() { std::filesystem::remove_all(path_); }
    std::string operator/(std::string const& name) const { return path_ / name; }
    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
    }

private:
    std::filesystem::path path_;
};

inline std::string const a_header = R"({"format":"shutdown-repro/trace","version":"1.0"})"
                                    "\n";

} // namespace shutdown_repro::traces
