#include "cli/terminal/interruptible.hpp"
#include <csignal>

namespace shutdown_repro::cli {

namespace {
std::atomic<bool> asked = false;
static_assert(std::atomic<bool>::is_always_lock_free); // a signal handler sets it
} // namespace

std::atomic<bool> const& asked_to_stop() { return asked; }

signal_guard::signal_guard() {
    for (int const s : {SIGINT, SIGTERM})
        std::signal(s, [](int signal) {
            asked = true;
            std::signal(signal, SIG_DFL);
        });
}

signal_guard::~signal_guard() {
    for (int const s : {SIGINT, SIGTERM}) std::signal(s, SIG_DFL);
}

} // namespace shutdown_repro::cli
