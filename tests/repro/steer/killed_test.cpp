// This program is killed while it steers a server.
#include <csignal>
#include <fstream>
#include <poll.h>
#include <random>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>
#include "repro/watch/process_table.hpp"
#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;

namespace {

constexpr int moments = 40, longest_ms = 150;
constexpr int most_looks = 2'000, between_looks_ms = 5;

// Whether a process has this word in its command line.
bool is_left(std::string const& word) {
    for (int const pid : repro::all_processes()) {
        std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
        std::stringstream line;
        line << file.rdbuf();
        if (pid != getpid() && line.str().find(word) != std::string::npos) return true;
    }
    return false;
}

bool goes_away(std::string const& word) {
    for (int look = 0; look < most_looks; ++look) {
        if (!is_left(word)) return true;
        poll(nullptr, 0, between_looks_ms);
    }
    return false;
}

pid_t start_steering(repro::target const& t) {
    pid_t const pid = fork();
    if (pid != 0) return pid;
    for (;;) repro::steer::run_steered(t, {});
}

} // namespace

TEST_CASE("a steered server does not outlive the program that steers it, at whichever moment that is killed") {
    std::mt19937 random(1);
    for (int i = 0; i < moments; ++i) {
        std::string const word = "killed-" + std::to_string(getpid()) + "-" + std::to_string(i);
        repro::target t = small_server(i % 2 ? "fork" : "threads");
        t.command.push_back(word);
        pid_t const pid = start_steering(t);
        poll(nullptr, 0, static_cast<int>(random() % longest_ms)); // the moment is any
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        INFO("moment " << i);
        REQUIRE(goes_away(word));
    }
}
