#include "repro/probe/slow_backend.hpp"
#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t longest_head = 64 * 1024;

std::string head(std::string_view type, bool sized) {
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\nConnection: close\r\n";
    if (sized) text += "Content-Length: " + std::to_string(slow_backend::body_size) + "\r\n";
    return text + "\r\n";
}

[[noreturn]] void fail(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

} // namespace

slow_backend::slow_backend(poller& events)
    : events_(events),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    auto* const address = reinterpret_cast<sockaddr*>(&here);
    if (!listener_ || bind(listener_.get(), address, size) != 0 || listen(listener_.get(), SOMAXCONN) != 0 ||
        getsockname(listener_.get(), address, &size) != 0)
        fail("the slow backend can't listen");
    port_ = ntohs(here.sin_port);
    events_.watch(listener_.get(), EPOLLIN, *this);
}

slow_backend::~slow_backend() {
    events_.forget(listener_.get());
    for (auto const& [fd, c] : connections_) events_.forget(fd);
}

std::size_t slow_backend::held() const {
    auto const waits = [](auto const& entry) {
        return !entry.second.ends && (entry.second.what == asked::slow || entry.second.what == asked::slow_stream);
    };
    return static_cast<std::size_t>(std::ranges::count_if(connections_, waits));
}

void slow_backend::release() {
    released_ = true;
    for (auto at = connections_.begin(); at != connections_.end();) {
        connection& c = (at++)->second; // flush() may remove it
        if (!c.ends && (c.what == asked::slow || c.what == asked::slow_stream)) finish(c), flush(c);
    }
}

void slow_backend::tick() {
    for (auto at = connections_.begin(); at != connections_.end();) {
        connection& c = (at++)->second;
        if (c.what != asked::stream || c.out.size() > longest_head) continue; // the peer does not read
        c.out += "data: tick\n\n";
        flush(c);
    }
}

void slow_backend::on_ready(int fd, std::uint32_t) {
    if (fd == listener_.get()) return accept();
    auto const at = connections_.find(fd);
    if (at == connections_.end()) return;
    if (flush(at->second)) hear(at->second);
}

void slow_backend::accept() {
    for (;;) {
        unique_fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) return;
        int const fd = socket.get();
        connections_[fd].socket = std::move(socket);
        events_.watch(fd, EPOLLIN, *this);
    }
}

void slow_backend::hear(connection& c) {
    int const fd = c.socket.get();
    char part[4096];
    ssize_t const got = recv(fd, part, sizeof part, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || c.in.size() > longest_head) {
        events_.forget(fd);
        connections_.erase(fd);
        return;
    }
    if (c.what != asked::nothing_yet) return; // one request per connection
    c.in.append(part, static_cast<std::size_t>(got));
    if (c.in.find("\r\n\r\n") == c.in.npos) return;
    auto const begin = c.in.find(' '), end = begin == c.in.npos ? begin : c.in.find(' ', begin + 1);
    answer(c, end == c.in.npos ? "/" : std::string_view(c.in).substr(begin + 1, end - begin - 1));
    flush(c);
}

void slow_backend::answer(connection& c, std::string_view path) {
    c.what = path.starts_with("/slow-stream") ? asked::slow_stream
        : path.starts_with("/slow")           ? asked::slow
        : path.starts_with("/stream")         ? asked::stream
                                              : asked::answered;
    if (c.what == asked::stream) {
        c.out = head("text/event-stream", false) + "data: begin\n\n";
    } else if (c.what == asked::answered) {
        c.out = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
        c.ends = true;
    } else {
        if (c.what == asked::slow_stream)
            c.out = head("application/octet-stream", true) + std::string(body_size / 2, 's');
        if (released_) finish(c);
    }
}

void slow_backend::finish(connection& c) {
    c.out += c.what == asked::slow ? head("application/octet-stream", true) + std::string(body_size, 's')
                                   : std::string(body_size / 2, 's');
    c.ends = true;
}

bool slow_backend::flush(connection& c) {
    int const fd = c.socket.get();
    while (!c.out.empty()) {
        ssize_t const sent = send(fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
        if (sent < 0) break; // the buffer is full, or hear() will see how the connection ended
        c.out.erase(0, static_cast<std::size_t>(sent));
    }
    if (c.out.empty() && c.ends) {
        events_.forget(fd);
        connections_.erase(fd);
        return false;
    }
    events_.watch(fd, c.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT, *this);
    return true;
}

} // namespace shutdown_repro::repro
