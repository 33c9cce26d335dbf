#include "tests/cli/program.hpp"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char** environ;

namespace shutdown_repro::cli_tests {
namespace {

namespace fs = std::filesystem;

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (std::string& w : words) all.push_back(w.data());
    all.push_back(nullptr);
    return all;
}

std::vector<std::string> environment_with(std::map<std::string, std::string> const& more) {
    std::vector<std::string> all;
    for (char** e = environ; *e; ++e) {
        std::string const line = *e, name = line.substr(0, line.find('='));
        if (name != "NO_COLOR" && name != "COLUMNS" && !more.contains(name)) all.push_back(line);
    }
    for (auto const& [name, value] : more) all.push_back(name + "=" + value);
    return all;
}

} // namespace

folder::folder() {
    path_ = (fs::temp_directory_path() / "shutdown-repro-test-XXXXXX").string();
    if (!mkdtemp(path_.data())) throw std::runtime_error("no folder for a test");
}
folder::~folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}
bool folder::has(std::string const& name) const { return fs::exists(file(name)); }
std::string folder::write(std::string const& name, std::string const& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
}
std::string folder::read(std::string const& name) const { return slurp(file(name)); }

std::string slurp(std::string const& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

std::vector<std::string> lines(std::string const& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

std::size_t widest(std::string const& text) {
    std::size_t most = 0;
    for (std::string const& line : lines(text)) // each byte but those that continue a character of UTF-8
        most = std::max(most, static_cast<std::size_t>(std::ranges::count_if(line, [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        })));
    return most;
}

// The streams are files in a folder of its own, so that nothing blocks on a full pipe.
program::program(std::vector<std::string> arguments, how h, std::string executable) : how_(std::move(h)) {
    here_.write("in", how_.input);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, here_.file("in").c_str(), O_RDONLY, 0);
    std::string to = here_.file("out");
    if (how_.standard_output == stream_is::full) to = "/dev/full";
    if (how_.standard_output == stream_is::terminal) {
        terminal_ = posix_openpt(O_RDWR | O_NOCTTY);
        if (terminal_ < 0 || grantpt(terminal_) != 0 || unlockpt(terminal_) != 0)
            throw std::runtime_error("no terminal for a test");
        winsize const size{.ws_row = 50, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
        ioctl(terminal_, TIOCSWINSZ, &size);
        to = ptsname(terminal_);
    }
    if (how_.standard_output == stream_is::closed) posix_spawn_file_actions_addclose(&actions, 1);
    else posix_spawn_file_actions_addopen(&actions, 1, to.c_str(), O_WRONLY | O_CREAT | O_NOCTTY, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, here_.file("err").c_str(), O_WRONLY | O_CREAT, 0600);
    if (how_.in.empty()) {
        fs::create_directory(here_.file("work"));
        how_.in = here_.file("work");
    }
    posix_spawn_file_actions_addchdir_np(&actions, how_.in.c_str());

    arguments.insert(arguments.begin(), executable);
    auto environment = environment_with(how_.environment);
    int const failed = posix_spawn(
        &id_, executable.c_str(), &actions, nullptr, pointers(arguments).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed) throw std::runtime_error("can't start " + executable);
}

program::~program() {
    if (id_ > 0) waitpid(id_, nullptr, 0);
    if (terminal_ >= 0) close(terminal_);
}

bool program::runs() const {
    siginfo_t over{};
    return waitid(P_PID, static_cast<id_t>(id_), &over, WEXITED | WNOHANG | WNOWAIT) == 0 && over.si_pid == 0;
}

result program::wait() {
    result r;
    if (terminal_ >= 0) { // read while it runs: a terminal holds only so much
        char bytes[4096];
        for (ssize_t n; (n = read(terminal_, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR);)
            if (n > 0) r.out.append(bytes, static_cast<std::size_t>(n));
    }
    int status = 0;
    waitpid(id_, &status, 0);
    id_ = -1;
    r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (terminal_ < 0) r.out = here_.read("out");
    r.err = here_.read("err");
    return r;
}

result run_line(std::string const& line, std::string const& in) {
    std::string const path = fs::path(SHUTDOWN_REPRO).parent_path().string() + ":" + std::getenv("PATH");
    return program({"-c", line}, {.in = in, .environment = {{"PATH", path}}}, "/bin/sh").wait();
}

} // namespace shutdown_repro::cli_tests
