// A server for the tests of steering that does what is hard to steer: hostile-steered WAY PORT. It serves "/" by epoll.
//
//   forks       forks a child that sleeps on, each time that it has answered
//   exits       exits while another thread is in a read
//   spins       has a thread that computes without an end
//   calls       has a thread that makes one call after the other
//   closes      another thread closes the epoll descriptor while it is waited for
//   seccomp     installs a filter of its own
//   listens     asks for a seccomp listener of its own
//   uring       asks for io_uring
//   unknown     has a thread that waits in io_getevents(2)
//   deaf        ignores SIGTERM
//   dies        kills itself in the middle of a request
//   fine        does nothing of that
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <string>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace {

int epoll_fd, pipe_ends[2];

int open_listener(int port) {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(static_cast<std::uint16_t>(port));
    if (bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 || listen(fd, 64) != 0) std::exit(1);
    return fd;
}

void watch(int fd) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.fd = fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

void install_filter(unsigned flags) {
    sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    sock_fprog const program{1, allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    [[maybe_unused]] auto const done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

void begin(std::string const& way) {
    if (way == "spins")
        std::thread([] {
            for (std::atomic<unsigned> n = 0;; ++n) {}
        }).detach();
    if (way == "calls")
        std::thread([] {
            int const nowhere[2] = {pipe_ends[0], pipe_ends[1]};
            for (char byte = 0;;)
                if (write(nowhere[1], &byte, 1) < 0 || read(nowhere[0], &byte, 1) < 0) return;
        }).detach();
    if (way == "seccomp") install_filter(0);
    if (way == "listens") install_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (way == "uring") syscall(SYS_io_uring_setup, 8, nullptr);
    if (way == "deaf") std::signal(SIGTERM, SIG_IGN);
    if (way == "unknown")
        std::thread([] {
            aio_context_t context = 0;
            io_event done;
            if (syscall(SYS_io_setup, 1, &context) == 0) syscall(SYS_io_getevents, context, 1, 1, &done, nullptr);
        }).detach();
}

void answered(std::string const& way) {
    if (way == "forks" && fork() == 0)
        for (;;) pause();
    if (way == "dies") kill(getpid(), SIGKILL);
    if (way == "exits") std::thread([] { std::_Exit(0); }).join();
    if (way == "closes")
        std::thread([] {
            close(epoll_fd);
            std::_Exit(3);
        }).detach();
}

} // namespace

int main(int count, char** words) {
    if (count < 3 || pipe(pipe_ends) != 0) return 2;
    std::string const way = words[1];
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int const listener = open_listener(std::atoi(words[2]));
    watch(listener);
    begin(way);
    for (epoll_event e{}; epoll_wait(epoll_fd, &e, 1, -1) == 1;) {
        if (e.data.fd == listener) {
            watch(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
            continue;
        }
        char request[4096];
        static char const fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
        if (read(e.data.fd, request, sizeof request) <= 0 || write(e.data.fd, fine, sizeof fine - 1) < 0)
            close(e.data.fd);
        else answered(way);
    }
}
