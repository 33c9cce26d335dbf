#include "cli/terminal/shell_line.hpp"
#include <string_view>

namespace shutdown_repro::cli {

std::string shell_line(std::vector<std::string> const& words) {
    std::string line;
    for (std::string const& word : words) {
        if (!line.empty()) line += ' ';
        constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=,:#@%+-";
        if (!word.empty() && word.front() != '#' && word.find_first_not_of(plain) == word.npos) {
            line += word;
            continue;
        }
        line += '\'';
        for (char c : word) c == '\'' ? line += "'\\''" : line += c;
        line += '\'';
    }
    return line;
}

} // namespace shutdown_repro::cli
