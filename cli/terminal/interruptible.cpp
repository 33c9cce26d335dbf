#include "cli/terminal/interruptible.hpp"
#include <csignal>
#include <iterator>

namespace shutdown_repro::cli {

namespace {
std::atomic<bool> asked = false;
constexpr int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static_assert(std::atomic<bool>::is_always_lock_free); // a signal handler sets it
} // namespace

std::atomic<bool> const& asked_to_stop() { return asked; }

signal_guard::signal_guard() {
    for (std::size_t i = 0; i < std::size(stops); ++i) {
        before_[i] = std::signal(stops[i], [](int signal) {
            asked = true;
            std::signal(signal, SIG_DFL);
        });
        if (before_[i] == SIG_IGN) std::signal(stops[i], SIG_IGN); // as by nohup(1)
    }
}

signal_guard::~signal_guard() {
    for (std::size_t i = 0; i < std::size(stops); ++i)
        if (before_[i] != SIG_IGN) std::signal(stops[i], SIG_DFL);
}

} // namespace shutdown_repro::cli
