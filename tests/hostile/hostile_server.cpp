// A server that misbehaves in a selectable way. Usage: [ASKED=FILE] hostile-server HOW PORT. It creates the file when
// it is asked for something: the controls of a probe start it several times, and ask something in their last start.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>
#include "repro/adapters/cpp/shutdown_repro.hpp"

namespace {

std::string how;
volatile std::sig_atomic_t asked_to_stop = 0;

int listen_on(int port) {
    int const fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(static_cast<std::uint16_t>(port));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 || listen(fd, 128) != 0) {
        std::perror("listen");
        std::exit(1);
    }
    return fd;
}

void say(int fd, char const* text) { [[maybe_unused]] auto const said = write(fd, text, std::strlen(text)); }

void write_megabytes() {
    std::string const line = std::string(1023, 'x') + "\n";
    for (int i = 0; i < 4096; ++i) say(STDERR_FILENO, line.c_str());
}

// Starts a process without this parent, session and environment.
void hide(char* const port) {
    if (fork() > 0) return;
    setsid();
    if (fork() > 0) _exit(0);
    char program[] = "/proc/self/exe", how_else[] = "sits";
    char *words[] = {program, how_else, port, nullptr}, *nothing[] = {nullptr};
    execve(program, words, nothing);
    _exit(1);
}

// Serves one request after the other until it is asked to stop.
void serve(int listener) {
    shutdown_repro::probe::event("server.listen", shutdown_repro::probe::fresh("server"));
    std::vector<pollfd> all{{listener, POLLIN, 0}};
    while (!asked_to_stop) {
        if (poll(all.data(), all.size(), -1) < 0) continue;
        for (std::size_t i = all.size(); i-- > 1;) {
            if (!all[i].revents) continue;
            char request[4096];
            ssize_t const got = read(all[i].fd, request, sizeof request);
            if (got <= 0) {
                close(all[i].fd);
                all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
            } else if (how != "mute") {
                if (char const* const asked = std::getenv("ASKED")) close(open(asked, O_CREAT | O_WRONLY, 0644));
                SHUTDOWN_REPRO_CHECKPOINT("request");
                std::string_view const text(request, static_cast<std::size_t>(got));
                bool const to_stop = text.starts_with("POST /stop");
                if (to_stop && how == "forbids") say(all[i].fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
                else
                    say(all[i].fd,
                        text.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                                                 : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                if (to_stop && how != "forbids") return;
            }
        }
        if (!all[0].revents) continue;
        int const peer = accept(listener, nullptr, nullptr);
        if (how == "closes") close(peer);
        else all.push_back({peer, POLLIN, 0});
        if (how == "no-http") say(peer, "SSH-2.0-hostile\r\n");
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    how = argv[1];
    if (how == "exits") {
        say(STDERR_FILENO, "no config\n");
        return 7;
    }
    if (how == "aborts") std::abort();
    struct sigaction stop {};
    stop.sa_handler = [](int) { asked_to_stop = 1; };
    if (how == "ignores") stop.sa_handler = SIG_IGN;
    sigaction(SIGTERM, &stop, nullptr);
    if (how == "deaf" || how == "sits") pause();
    if (how == "hides") hide(argv[2]);
    if (how == "daemon") { // listens when its first process has ended, so that it is never taken for ready before
        pollfd first{static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)), POLLIN, 0};
        if (fork() > 0) _exit(0);
        setsid();
        while (poll(&first, 1, -1) < 0) {}
    }
    if (how == "vanishes") {
        if (fork() > 0) _exit(0); // without looking for leaks, which takes longer than to start anew
        setsid();
        char program[] = "/proc/self/exe", how_else[] = "polite";
        char *words[] = {program, how_else, argv[2], nullptr}, *nothing[] = {nullptr};
        execve(program, words, nothing);
    }
    if (how == "vforks" && fork() == 0) { // its child holds it where no signal but SIGKILL gets
        if (vfork() == 0)
            for (;;) pause();
    }
    int const listener = listen_on(std::atoi(argv[2]));
    if (how == "loud") write_megabytes();
    if (how == "orphans" && fork() == 0) {
        std::signal(SIGTERM, SIG_IGN);
        close(listener);
        for (;;) pause();
    }
    serve(listener);
    if (how == "loud") write_megabytes();
    return 0;
}
