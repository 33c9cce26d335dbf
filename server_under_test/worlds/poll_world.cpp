#include "server_under_test/worlds/poll_world.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include "traces/clock.hpp"

namespace shutdown_repro::server {

namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

io_result result_of(ssize_t moved) {
    if (moved >= 0) return {io::ok, static_cast<std::size_t>(moved)};
    return {errno == EAGAIN || errno == EINTR ? io::would_block : io::reset, 0};
}

int new_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

void turn_on(int socket, int level, int option) {
    int const on = 1;
    setsockopt(socket, level, option, &on, sizeof on);
}

int failure_of(int socket) {
    int failed = 0;
    socklen_t size = sizeof failed;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &failed, &size);
    return failed;
}

sigset_t stop_signals() {
    sigset_t all;
    sigemptyset(&all);
    for (int s : {SIGINT, SIGTERM, SIGQUIT}) sigaddset(&all, s);
    return all;
}

// Ends the process: without descriptors a waiting connection would be reported as ready forever, and no socket can be
// connected. This is not an exception, because a callback could catch it.
[[noreturn]] void out_of_descriptors(char const* what) {
    std::fprintf(stderr, "cannot %s: out of descriptors (ulimit -n)\n", what);
    std::_Exit(2);
}

} // namespace

poll_world::poll_world(traces::recorder& r, traces::nanoseconds& clock, std::uint32_t seed)
    : polling_world(r),
      clock_(clock),
      draw_(seed) {
    now();
}

poll_world::~poll_world() {
    for (int const s : sockets_)
        if (s >= 0) ::close(s);
    if (signals_ < 0) return;
    ::close(signals_);
    pthread_sigmask(SIG_SETMASK, &blocked_before_, nullptr);
}

traces::nanoseconds poll_world::now() const { return clock_ = traces::monotonic_now(); }

// --- sockets --------------------------------------------------------------------------------------------------------

descriptor poll_world::add(int socket) {
    sockets_.push_back(socket);
    return static_cast<descriptor>(sockets_.size()) - 1;
}

descriptor poll_world::listen(std::uint16_t& port, std::string& error) {
    int const s = new_socket();
    if (s >= 0) turn_on(s, SOL_SOCKET, SO_REUSEADDR);
    sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    if (s < 0 || ::bind(s, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(s, SOMAXCONN) != 0 ||
        ::getsockname(s, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        error = errno == EADDRINUSE ? "port " + std::to_string(port) + " is in use (127.0.0.1)"
                                    : "cannot listen on port " + std::to_string(port) +
                " (127.0.0.1): " + std::generic_category().message(errno);
        if (s >= 0) ::close(s);
        return no_descriptor;
    }
    port = ntohs(address.sin_port);
    return add(s);
}

descriptor poll_world::accept(descriptor listening) {
    int s;
    do s = ::accept4(socket_of(listening), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (s < 0 && (errno == ECONNABORTED || errno == EINTR));
    if (s < 0 && (errno == EMFILE || errno == ENFILE)) out_of_descriptors("accept");
    if (s < 0) return no_descriptor;
    now();
    turn_on(s, IPPROTO_TCP, TCP_NODELAY);
    return add(s);
}

// On one machine a refusal is known before connect() returns, but it is reported only as the error of the socket.
descriptor poll_world::connect(std::uint16_t port) {
    int const s = new_socket();
    if (s < 0) out_of_descriptors("connect");
    turn_on(s, IPPROTO_TCP, TCP_NODELAY);
    sockaddr_in const to = loopback(port);
    bool const under_way = ::connect(s, reinterpret_cast<sockaddr const*>(&to), sizeof to) == 0 || errno == EINPROGRESS;
    if (under_way && failure_of(s) == 0) return add(s);
    ::close(s);
    return no_descriptor;
}

io_result poll_world::read(descriptor d, std::span<char> into) {
    io_result const r = result_of(::recv(socket_of(d), into.data(), into.size(), 0));
    now();
    return r.status == io::ok && r.bytes == 0 ? io_result{io::eof, 0} : r;
}

io_result poll_world::write(descriptor d, std::string_view bytes) {
    now(); // the time of the event must not be later than the arrival of the bytes
    return result_of(::send(socket_of(d), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

void poll_world::close(descriptor d) {
    ::close(std::exchange(sockets_[static_cast<std::size_t>(d)], -1));
    now();
}

// --- waiting --------------------------------------------------------------------------------------------------------

bool poll_world::poll(std::span<interest> asked, std::int64_t milliseconds) {
    std::vector<pollfd> all;
    all.reserve(asked.size() + 1);
    all.push_back({signals_, POLLIN, 0}); // poll(2) skips a negative descriptor
    for (interest const& i : asked)
        all.push_back({socket_of(i.on), static_cast<short>((i.read ? POLLIN : 0) | (i.write ? POLLOUT : 0)), 0});
    int const ready = ::poll(all.data(), all.size(), static_cast<int>(milliseconds));
    now();
    signal_waits_ = ready > 0 && all[0].revents;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        short const said = ready > 0 && !signal_waits_ ? all[i + 1].revents : short{0};
        asked[i].readable = said & (POLLIN | POLLHUP | POLLERR);
        asked[i].writable = said & POLLOUT;
    }
    return true;
}

decided poll_world::choose(std::span<alternative const> offered) {
    std::uniform_int_distribution<std::size_t> place(0, offered.size() - 1);
    return {static_cast<std::uint32_t>(place(draw_)), decisions_++};
}

// --- signals --------------------------------------------------------------------------------------------------------

void poll_world::take_signals() {
    sigset_t const wanted = stop_signals();
    pthread_sigmask(SIG_BLOCK, &wanted, &blocked_before_);
    signals_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

void poll_world::send_signal(int number, traces::seq_t because) {
    sent_.push_back({number, because});
    ::raise(number);
}

// The kernel keeps one pending signal of each number, so all that wait are taken together.
arrived_signal poll_world::take_signal() {
    signalfd_siginfo info{};
    if (!std::exchange(signal_waits_, false) || ::read(signals_, &info, sizeof info) != sizeof info) return {};
    signal_waits_ = true; // there may be another
    arrived_signal s{.number = static_cast<int>(info.ssi_signo)};
    auto const ours = std::ranges::find(sent_, s.number, &arrived_signal::number);
    if (ours != sent_.end()) s.because = ours->because;
    std::erase_if(sent_, [&](arrived_signal const& other) { return other.number == s.number; });
    return s;
}

} // namespace shutdown_repro::server
