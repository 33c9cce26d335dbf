// A small HTTP server for the tests of steering: small-server WAY PORT BACKEND. "/" is answered at once, "/slow" by the
// backend. SIGTERM stops it gracefully: it accepts no more, answers what it has read, and closes idle connections, even
// if a request has come on them that it has not read yet.
//
// WAY is how it waits: epoll, edge, oneshot, poll, select; or threads (one a connection, blocking calls), or fork (two
// workers that wait by epoll); or never, which is epoll that does not answer "/slow".
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <set>
#include <string>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

int wake[2]; // the handler of SIGTERM writes into it
int backend_port;
std::string const fine = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

sockaddr_in local(int port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(static_cast<std::uint16_t>(port));
    return a;
}

int listen_on(int port) {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in const a = local(port);
    if (bind(fd, reinterpret_cast<sockaddr const*>(&a), sizeof a) != 0 || listen(fd, 64) != 0) std::exit(1);
    return fd;
}

int ask_backend() {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in const a = local(backend_port);
    if (connect(fd, reinterpret_cast<sockaddr const*>(&a), sizeof a) != 0) std::exit(1);
    std::string const request = "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    if (write(fd, request.data(), request.size()) < 0) std::exit(1);
    return fd;
}

bool is_whole(std::string const& response) {
    constexpr std::size_t body = 4096;
    auto const end = response.find("\r\n\r\n");
    return end != response.npos && response.size() >= end + 4 + body;
}

// The descriptors that are waited for, in each way.
class waiter {
public:
    explicit waiter(std::string way) : way_(std::move(way)) {
        if (by_epoll()) epoll_ = epoll_create1(EPOLL_CLOEXEC);
    }
    void add(int fd) {
        all_.insert(fd);
        if (by_epoll()) control(EPOLL_CTL_ADD, fd);
    }
    void remove(int fd) {
        all_.erase(fd);
        if (by_epoll()) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    }
    void served(int fd) { // a one-shot entry is armed again
        if (way_ == "oneshot" && all_.count(fd)) control(EPOLL_CTL_MOD, fd);
    }
    std::vector<int> wait() { return by_epoll() ? wait_epoll() : way_ == "poll" ? wait_poll() : wait_select(); }

private:
    bool by_epoll() const { return way_ != "poll" && way_ != "select"; }
    void control(int what, int fd) {
        epoll_event e{};
        e.events = EPOLLIN | (way_ == "edge" ? EPOLLET : way_ == "oneshot" ? EPOLLONESHOT : 0u);
        e.data.fd = fd;
        epoll_ctl(epoll_, what, fd, &e);
    }
    std::vector<int> wait_epoll() {
        epoll_event events[16];
        int const n = epoll_wait(epoll_, events, 16, -1);
        std::vector<int> ready;
        for (int i = 0; i < n; ++i) ready.push_back(events[i].data.fd);
        return ready;
    }
    std::vector<int> wait_poll() {
        std::vector<pollfd> list;
        for (int const fd : all_) list.push_back({fd, POLLIN, 0});
        std::vector<int> ready;
        if (poll(list.data(), list.size(), -1) > 0)
            for (pollfd const& p : list)
                if (p.revents) ready.push_back(p.fd);
        return ready;
    }
    std::vector<int> wait_select() {
        fd_set set;
        FD_ZERO(&set);
        for (int const fd : all_) FD_SET(fd, &set);
        std::vector<int> ready;
        if (select(*all_.rbegin() + 1, &set, nullptr, nullptr, nullptr) > 0)
            for (int const fd : all_)
                if (FD_ISSET(fd, &set)) ready.push_back(fd);
        return ready;
    }
    std::string way_;
    int epoll_ = -1;
    std::set<int> all_;
};

class loop {
public:
    loop(std::string const& way, int listener) : waits_(way), listener_(listener), never_(way == "never") {
        fcntl(listener, F_SETFL, O_NONBLOCK);
        waits_.add(listener);
        waits_.add(wake[0]);
    }
    void run() {
        while (!stopping_ || !clients_.empty())
            for (int const fd : waits_.wait()) {
                if (fd == wake[0]) stop();
                else if (fd == listener_) accept_all();
                else if (from_backend_.count(fd)) hear_backend(fd);
                else if (clients_.count(fd)) hear(fd);
                waits_.served(fd);
            }
    }

private:
    struct client {
        std::string in;
        bool busy = false;
    };
    void accept_all() {
        for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            clients_[fd];
            waits_.add(fd);
        }
    }
    void hear(int fd) {
        char part[4096];
        ssize_t n;
        while ((n = read(fd, part, sizeof part)) > 0) clients_[fd].in.append(part, static_cast<std::size_t>(n));
        if (n == 0 || errno != EAGAIN) return drop(fd);
        client& c = clients_[fd];
        if (c.in.find("\r\n\r\n") == c.in.npos) return;
        bool const slow = c.in.rfind("GET /slow", 0) == 0;
        c.in.clear();
        if (!slow) return answer(fd, fine);
        c.busy = true;
        if (never_) return;
        int const b = ask_backend();
        fcntl(b, F_SETFL, O_NONBLOCK);
        from_backend_[b] = {fd, ""};
        waits_.add(b);
    }
    void hear_backend(int b) {
        auto& [fd, got] = from_backend_[b];
        char part[8192];
        ssize_t n;
        while ((n = read(b, part, sizeof part)) > 0) got.append(part, static_cast<std::size_t>(n));
        if (!is_whole(got) && n != 0) return;
        answer(fd, got);
        waits_.remove(b);
        close(b);
        from_backend_.erase(b);
    }
    void answer(int fd, std::string const& text) {
        if (write(fd, text.data(), text.size()) < 0) return drop(fd);
        clients_[fd].busy = false;
        if (stopping_) drop(fd);
    }
    void drop(int fd) {
        waits_.remove(fd);
        close(fd);
        clients_.erase(fd);
    }
    void stop() {
        stopping_ = true;
        waits_.remove(wake[0]);
        waits_.remove(listener_);
        close(listener_);
        std::vector<int> idle;
        for (auto const& [fd, c] : clients_)
            if (!c.busy) idle.push_back(fd);
        for (int const fd : idle) drop(fd);
    }
    waiter waits_;
    int listener_;
    bool never_, stopping_ = false;
    std::map<int, client> clients_;
    std::map<int, std::pair<int, std::string>> from_backend_;
};

// One thread a connection, with blocking calls.
void serve_blocking(int fd) {
    std::string in;
    char part[4096];
    for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;) {
        in.append(part, static_cast<std::size_t>(n));
        if (in.find("\r\n\r\n") == in.npos) continue;
        std::string text = fine;
        if (in.rfind("GET /slow", 0) == 0) {
            text.clear();
            int const b = ask_backend();
            while (!is_whole(text) && (n = read(b, part, sizeof part)) > 0)
                text.append(part, static_cast<std::size_t>(n));
            close(b);
        }
        in.clear();
        if (write(fd, text.data(), text.size()) < 0) break;
    }
    close(fd);
}

void run_threads(int listener) {
    std::vector<std::thread> all;
    std::set<int> open;
    std::mutex guard;
    std::thread([&] {
        char byte;
        if (read(wake[0], &byte, 1) < 0) return;
        shutdown(listener, SHUT_RD);
        std::lock_guard const lock(guard);
        for (int const fd : open) shutdown(fd, SHUT_RD);
    }).detach();
    for (int fd; (fd = accept(listener, nullptr, nullptr)) >= 0;) {
        std::lock_guard const lock(guard);
        open.insert(fd);
        all.emplace_back([&, fd] {
            serve_blocking(fd);
            std::lock_guard const again(guard);
            open.erase(fd);
        });
    }
    for (std::thread& t : all) t.join();
}

void run_workers(int listener) {
    std::vector<pid_t> workers;
    for (int i = 0; i < 2; ++i) {
        pid_t const pid = fork();
        if (pid == 0) {
            if (pipe(wake) != 0) std::_Exit(1);
            loop("epoll", listener).run();
            std::_Exit(0);
        }
        workers.push_back(pid);
    }
    char byte;
    while (read(wake[0], &byte, 1) < 0 && errno == EINTR) {}
    close(listener);
    for (pid_t const pid : workers) kill(pid, SIGTERM);
    for (pid_t const pid : workers) waitpid(pid, nullptr, 0);
}

} // namespace

int main(int count, char** words) {
    if (count < 4 || pipe(wake) != 0) return 2;
    std::string const way = words[1];
    backend_port = std::atoi(words[3]);
    std::signal(SIGTERM, [](int) { [[maybe_unused]] auto const done = write(wake[1], "x", 1); });
    std::signal(SIGPIPE, SIG_IGN);
    int const listener = listen_on(std::atoi(words[2]));
    if (way == "threads") run_threads(listener);
    else if (way == "fork") run_workers(listener);
    else loop(way, listener).run();
}
