#include "repro/clients/slow_backend.hpp"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t longest_head = 64 * 1024, longest_request = 2 << 20;

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
    return text;
}

// Whether the body of the request has come, of which the head ends at `end`.
bool is_whole(std::string const& request, std::size_t end) {
    std::string const head = lower_case(request.substr(0, end));
    if (head.find("\r\ntransfer-encoding: chunked") != head.npos) return request.ends_with("\r\n0\r\n\r\n");
    constexpr std::string_view name = "\r\ncontent-length:";
    std::size_t const at = head.find(name);
    std::size_t const size = at == head.npos ? 0 : std::strtoull(head.c_str() + at + name.size(), nullptr, 10);
    return request.size() - end >= size;
}

std::string head(std::string_view type, bool sized, std::uint64_t size = slow_backend::body_size) {
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\nConnection: close\r\n";
    if (sized) text += "Content-Length: " + std::to_string(size) + "\r\n";
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

void slow_backend::answer_oldest() {
    connection* oldest = nullptr;
    for (auto& [fd, c] : connections_)
        if (!c.ends && (c.what == asked::slow || c.what == asked::slow_stream) && (!oldest || c.since < oldest->since))
            oldest = &c;
    if (oldest) finish(*oldest), flush(*oldest);
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
    char part[16 * 1024];
    ssize_t const got = recv(fd, part, sizeof part, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || c.in.size() > longest_request) {
        events_.forget(fd);
        connections_.erase(fd);
        return;
    }
    if (c.what != asked::nothing_yet) return; // one request per connection
    c.in.append(part, static_cast<std::size_t>(got));
    std::size_t const end_of_head = c.in.find("\r\n\r\n");
    if (end_of_head == c.in.npos) return;
    if (!is_whole(c.in, end_of_head + 4)) return invite(c, end_of_head);
    auto const begin = c.in.find(' '), end = begin == c.in.npos ? begin : c.in.find(' ', begin + 1);
    answer(c, end == c.in.npos ? "/" : std::string_view(c.in).substr(begin + 1, end - begin - 1));
    flush(c);
}

// A client, or the server for it, may wait with the body until it is told to send it.
void slow_backend::invite(connection& c, std::size_t end_of_head) {
    if (c.invited || lower_case(c.in.substr(0, end_of_head)).find("\r\nexpect: 100-continue") == std::string::npos)
        return;
    c.invited = true;
    c.out += "HTTP/1.1 100 Continue\r\n\r\n";
    flush(c);
}

void slow_backend::answer(connection& c, std::string_view path) {
    c.since = ++asked_;
    c.what = path.starts_with("/slow-stream") ? asked::slow_stream
        : path.starts_with("/slow")           ? asked::slow
        : path.starts_with("/stream")         ? asked::stream
                                              : asked::answered;
    if (c.what == asked::stream) {
        c.out = head("text/event-stream", false) + "data: begin\n\n";
    } else if (path.starts_with("/large")) {
        c.out = head("application/octet-stream", true, large_size) + std::string(large_size, 'l');
        c.ends = true;
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
