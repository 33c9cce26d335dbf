#include "repro/process/signals_as_events.hpp"
#include <cerrno>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace shutdown_repro::repro {

signals_as_events::signals_as_events() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (int const s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
        struct sigaction now {};
        bool const ignored = sigaction(s, nullptr, &now) == 0 && now.sa_handler == SIG_IGN; // as by nohup(1)
        if (!ignored) sigaddset(&wanted, s);
    }
    pthread_sigmask(SIG_BLOCK, &wanted, &before_);
    fd_ = unique_fd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
}

signals_as_events::~signals_as_events() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int signals_as_events::take() const {
    signalfd_siginfo info{};
    return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

} // namespace shutdown_repro::repro
