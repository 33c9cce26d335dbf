#include "repro/steer/proc_text.hpp"
#include <algorithm>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include "repro/process/unique_fd.hpp"

namespace shutdown_repro::repro::steer {

std::string text_of(std::string const& path) {
    std::string text;
    unique_fd const file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return text;
    char part[4096];
    for (ssize_t n; (n = read(file.get(), part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(n));
    return text;
}

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view name, int base) {
    std::size_t at = text.find(name);
    if (at == text.npos) return std::nullopt;
    at = text.find_first_not_of(" \t", at + name.size());
    if (at == text.npos) return std::nullopt;
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number, base);
    return error == std::errc{} ? std::optional(number) : std::nullopt;
}

std::vector<int> threads_of(int pid) {
    std::vector<int> all;
    auto const close_folder = [](DIR* d) { closedir(d); };
    std::unique_ptr<DIR, decltype(close_folder)> const folder(
        opendir(("/proc/" + std::to_string(pid) + "/task").c_str()), close_folder);
    if (!folder) return all;
    while (dirent const* const entry = readdir(folder.get())) {
        int tid = 0;
        std::string_view const name = entry->d_name;
        if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc{}) all.push_back(tid);
    }
    std::ranges::sort(all);
    return all;
}

std::string link_of(std::string const& path) {
    char to[256];
    ssize_t const n = readlink(path.c_str(), to, sizeof to);
    return n > 0 ? std::string(to, static_cast<std::size_t>(n)) : std::string();
}

} // namespace shutdown_repro::repro::steer
