#include "repro/target/control_socket.hpp"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t longest_line = 1024, most_peers = 256, most_problems = 20;

// Returns whether the text is a name of letters, digits and ".-_", optionally followed by "#N".
bool is_point(std::string_view p) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    std::size_t const name = std::min(p.find('#'), p.size());
    if (name == 0 || p.size() > 256 || p.substr(0, name).find_first_not_of(letters) != p.npos) return false;
    if (name == p.size()) return true;
    std::uint32_t times = 0;
    auto const [end, error] = std::from_chars(p.data() + name + 1, p.data() + p.size(), times);
    return error == std::errc{} && end == p.data() + p.size() && times > 0;
}

bool is(std::string_view armed, std::string_view reached) {
    return armed == reached || armed == reached.substr(0, std::min(reached.find('#'), reached.size()));
}

} // namespace

control_socket::control_socket(
    poller& events, std::string path, std::vector<std::string> armed, on_held held, traces::nanoseconds patience)
    : events_(events),
      path_(std::move(path)),
      armed_(std::move(armed)),
      on_held_(std::move(held)),
      patience_(patience) {
    for (std::string const& p : armed_)
        if (!is_point(p))
            throw input_error("\"" + p +
                "\" is not a point of a target; name a checkpoint or a kind of event, such as after-accept or "
                "request.begin#2");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path)
        throw input_error("the path of the control socket is too long (TMPDIR): " + path_);
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    listener_ = unique_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener_ || bind(listener_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0 ||
        listen(listener_.get(), 64) != 0)
        throw input_error("cannot listen at " + path_ + ": " + std::generic_category().message(errno));
    events_.watch(listener_.get(), EPOLLIN, *this);
}

control_socket::~control_socket() {
    for (auto const& p : peers_)
        if (p->socket) events_.forget(p->socket.get());
    events_.forget(listener_.get());
    unlink(path_.c_str());
}

void control_socket::on_ready(int fd, std::uint32_t) {
    if (fd == listener_.get()) return welcome();
    for (std::size_t i = 0; i < peers_.size(); ++i)
        if (peers_[i]->socket && peers_[i]->socket.get() == fd) hear(*peers_[i]);
    std::erase_if(peers_, [](auto const& p) { return !p->socket; });
}

void control_socket::welcome() {
    unique_fd s(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!s || peers_.size() == most_peers) return;
    events_.watch(s.get(), EPOLLIN, *this);
    peers_.push_back(std::make_unique<peer>());
    peers_.back()->socket = std::move(s);
}

void control_socket::hear(peer& p) {
    char part[512];
    ssize_t const got = recv(p.socket.get(), part, sizeof part, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return drop(p, held_ == &p ? named(p) + " disconnected while it was held at " + held_at_ : "");
    p.said.append(part, static_cast<std::size_t>(got));
    for (std::size_t end; p.socket && (end = p.said.find('\n')) != p.said.npos;) {
        std::string const line = p.said.substr(0, end);
        p.said.erase(0, end + 1);
        if (line.size() > longest_line || !understood(p, line))
            return drop(p, named(p) + " sent a line that is not part of the protocol: \"" + line.substr(0, 60) + "\"");
    }
    if (p.said.size() > longest_line) drop(p, named(p) + " sent a line that is too long");
}

bool control_socket::understood(peer& p, std::string_view line) {
    if (!p.pid) return greeted(p, line);
    if (line.starts_with("unknown ")) {
        problems_.push_back(named(p) + " does not support the command " + std::string(line.substr(8)));
        return true;
    }
    if (line.starts_with("expired ")) {
        problems_.push_back(
            named(p) + " continued from " + std::string(line.substr(8)) + " by itself: it was held too long");
        if (held_ == &p) held_ = nullptr;
        return true;
    }
    if (!line.starts_with("at ") || held_ == &p) return false;
    std::string const point(line.substr(3));
    if (std::ranges::none_of(armed_, [&](std::string const& a) { return is(a, point); })) return false;
    reached_.push_back(point);
    if (held_) return send(p, "release"); // hold only one: two processes that wait for each other would block forever
    held_ = &p;
    held_at_ = point;
    held_until_ = traces::monotonic_now() + patience_;
    on_held_(*this, held_at_);
    return true;
}

bool control_socket::greeted(peer& p, std::string_view line) {
    constexpr std::string_view hello = "hello ";
    if (!line.starts_with(hello)) return false;
    int version = 0;
    char const* const end = line.data() + line.size();
    auto const [after, error] = std::from_chars(line.data() + hello.size(), end, version);
    if (error != std::errc{} || version != 1 || after == end || *after != ' ') return false;
    if (auto const [last, failed] = std::from_chars(after + 1, end, p.pid);
        failed != std::errc{} || last != end || p.pid <= 0)
        return false;
    for (std::string const& point : armed_)
        if (!send(p, "arm " + point)) return true;
    send(p, "go");
    return true;
}

bool control_socket::send(peer& p, std::string_view line) {
    std::string const whole = std::string(line) + "\n";
    if (::send(p.socket.get(), whole.data(), whole.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
        static_cast<ssize_t>(whole.size()))
        return true;
    drop(p, named(p) + " does not read from the control socket");
    return false;
}

void control_socket::drop(peer& p, std::string const& why) {
    if (!p.socket) return;
    if (!why.empty() && problems_.size() < most_problems) problems_.push_back(why);
    if (held_ == &p) held_ = nullptr;
    events_.forget(p.socket.get());
    p.socket = unique_fd();
}

std::string control_socket::named(peer const& p) const {
    return p.pid ? "process " + std::to_string(p.pid) : "a process of the target";
}

void control_socket::tell(std::string_view command) {
    if (held_) send(*held_, command);
}

void control_socket::release() {
    if (peer* const p = std::exchange(held_, nullptr)) send(*p, "release");
}

traces::nanoseconds control_socket::next_due() const {
    return held_ ? held_until_ : std::numeric_limits<traces::nanoseconds>::max();
}

void control_socket::on_time() {
    if (!held_ || traces::monotonic_now() < held_until_) return;
    problems_.push_back("the process held at " + held_at_ + " was not released in time");
    release();
}

void control_socket::target_is_over() {
    for (std::string const& point : armed_)
        if (std::ranges::none_of(reached_, [&](std::string const& r) { return is(point, r); }))
            problems_.push_back("the target never reached " + point);
}

} // namespace shutdown_repro::repro
