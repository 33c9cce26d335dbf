#include "tests/mutants/table.hpp"
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace shutdown_repro::mutants {
namespace {

std::vector<std::string> words_of(std::string const& line) {
    std::istringstream in(line);
    return {std::istream_iterator<std::string>(in), {}};
}

void add_line(std::string& to, std::string_view line) { to.append(to.empty() ? "" : "\n").append(line); }

// Returns which part of the original text is replaced.
void split(mutant& m) {
    static constexpr std::string_view opens = "«", closes = "»";
    auto const from = m.original.find(opens), to = m.original.find(closes);
    if (from == std::string::npos || to == std::string::npos) return;
    m.before = m.original.substr(0, from);
    m.after = m.original.substr(to + closes.size());
    m.original = m.original.substr(from + opens.size(), to - from - opens.size());
}

void read_line(mutant& m, std::string const& line) {
    auto const starts = [&](std::string_view with) { return line.starts_with(with); };
    std::size_t const value = std::min(line.find_first_not_of(' ', 5), line.size());
    if (starts("- ")) add_line(m.original, line.substr(2));
    else if (starts("+")) add_line(m.replacement, line.substr(std::min<std::size_t>(2, line.size())));
    else if (starts("in ")) m.file = words_of(line).at(1);
    else if (starts("fault ")) m.fault = line.substr(value);
    else if (starts("rules ")) m.rules = words_of(line.substr(value));
    else if (starts("shown ")) m.scenarios = words_of(line.substr(value));
    else if (starts("needs ")) m.needs = line.substr(value);
    else if (m.name.empty() && line.find(' ') == line.npos) m.name = line;
    else throw std::runtime_error("\"" + line + "\" is no line of a mutant");
}

void check(mutant const& m) {
    if (m.name.empty() || m.file.empty() || m.fault.empty() || m.original.empty())
        throw std::runtime_error("the mutant before has no name, no \"in\", no \"fault\" or no \"- \"");
}

} // namespace

std::vector<mutant> read_table(std::string const& path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error(path + ": cannot be read");
    std::vector<mutant> all;
    std::size_t at = 0;
    bool inside = false;
    auto const end_block = [&] {
        if (!std::exchange(inside, false)) return;
        check(all.back());
        split(all.back());
    };
    try {
        for (std::string line; std::getline(in, line);) {
            ++at;
            if (line.starts_with('#')) continue;
            if (line.empty()) {
                end_block();
                continue;
            }
            if (!std::exchange(inside, true)) {
                all.emplace_back();
                all.back().number = static_cast<int>(all.size());
            }
            read_line(all.back(), line);
        }
        end_block();
    } catch (std::exception const& e) { throw std::runtime_error(path + ":" + std::to_string(at) + ": " + e.what()); }
    return all;
}

} // namespace shutdown_repro::mutants
