#include "repro/target/program_name.hpp"
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string_view>
#include <vector>

namespace shutdown_repro::repro {
namespace {

std::string program_in(std::span<std::string const> command);

// Programs that run another program: their name, and the number of words before it that are not options.
struct wrapper {
    std::string_view name;
    std::size_t arguments;
};
constexpr wrapper wrappers[] = {{"env", 0}, {"nohup", 0}, {"setsid", 0}, {"nice", 0}, {"ionice", 0}, {"stdbuf", 0},
    {"exec", 0}, {"sudo", 0}, {"time", 0}, {"npx", 0}, {"bunx", 0}, {"timeout", 1}, {"uv", 1}, {"poetry", 1},
    {"pipenv", 1}, {"bundle", 1}, {"sh", 0}, {"bash", 0}, {"dash", 0}};

std::string file_name_in(std::string const& word) { return std::filesystem::path(word).filename().string(); }

bool is_assignment(std::string const& word) { return word.find('=') != word.npos && word.front() != '/'; }

// The word of a script of a shell that is its program; "" when it is more than one plain command.
std::string program_in_script(std::string const& script) {
    if (script.find_first_of(";|&<>()`\n\"'$\\") != script.npos) return {};
    std::istringstream in(script);
    std::vector<std::string> const all{std::istream_iterator<std::string>(in), {}};
    return all.empty() ? "" : program_in(all);
}

std::string program_in(std::span<std::string const> command) {
    std::span<std::string const> rest = command;
    for (;;) {
        auto const w = std::ranges::find(wrappers, file_name_in(rest.front()), &wrapper::name);
        if (w == std::end(wrappers)) return rest.front();
        bool const shell = w->name.ends_with("sh");
        rest = rest.subspan(1);
        static constexpr std::string_view with_value[] = {"-n", "-u", "-k", "-s", "-C", "-p"};
        while (!rest.empty() && (rest.front().starts_with("-") || (w->name == "env" && is_assignment(rest.front())))) {
            bool const two = !shell && std::ranges::count(with_value, rest.front());
            if (shell && rest.front().find('c') != std::string::npos) {
                std::string const found = rest.size() > 1 ? program_in_script(rest[1]) : "";
                return found.empty() ? command.front() : found;
            }
            rest = rest.subspan(std::min<std::size_t>(rest.size(), two ? 2 : 1));
        }
        rest = rest.subspan(std::min(rest.size(), w->arguments));
        if (rest.empty()) return command.front();
    }
}

} // namespace

std::string name_of_program(std::span<std::string const> command) { return file_name_in(program_in(command)); }

} // namespace shutdown_repro::repro
