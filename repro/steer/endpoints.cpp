#include "repro/steer/endpoints.hpp"
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace shutdown_repro::repro::steer {
namespace {

template <class T> std::optional<T> socket_option(int fd, int name) {
    T value{};
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? std::optional(value) : std::nullopt;
}

bool is_tcp(int fd) {
    auto const domain = socket_option<int>(fd, SO_DOMAIN);
    return domain && (*domain == AF_INET || *domain == AF_INET6) && socket_option<int>(fd, SO_TYPE) == SOCK_STREAM;
}

// The port is at the same place in the addresses of IPv4 and IPv6.
std::uint16_t port_in(sockaddr_in6 const& a) { return ntohs(a.sin6_port); }

std::uint16_t own_port(int fd) {
    sockaddr_in6 a{};
    socklen_t size = sizeof a;
    return getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 ? port_in(a) : std::uint16_t{0};
}

std::uint16_t peer_port(int fd) {
    sockaddr_in6 a{};
    socklen_t size = sizeof a;
    return getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 ? port_in(a) : std::uint16_t{0};
}

} // namespace

std::string endpoint::name() const {
    switch (is) {
    case role::listener: return "listen";
    case role::client: return "client:" + std::to_string(number);
    case role::backend: return "backend:" + std::to_string(number);
    case role::other: break;
    }
    return "other";
}

endpoint endpoints::remember(std::uint64_t cookie, endpoint::role role, std::uint32_t number) {
    return by_cookie_[cookie] = {role, number, record_.fresh(traces::entity::connection)};
}

endpoint endpoints::identify(int fd) {
    if (!is_tcp(fd)) return {};
    std::uint64_t const cookie = socket_option<std::uint64_t>(fd, SO_COOKIE).value_or(0);
    if (auto const known = by_cookie_.find(cookie); known != by_cookie_.end()) return known->second;
    std::uint16_t const own = own_port(fd);
    if (socket_option<int>(fd, SO_ACCEPTCONN).value_or(0))
        return own == port_ ? endpoint{endpoint::role::listener} : endpoint{};
    std::uint16_t const peer = peer_port(fd);
    if (!peer || own != port_) return {};
    std::uint32_t const number = client_at_(peer);
    return number ? remember(cookie, endpoint::role::client, number) : endpoint{};
}

endpoint endpoints::connecting(int fd, void const* address, std::size_t size) {
    sockaddr_in6 to{};
    if (size < sizeof(sockaddr_in) || !is_tcp(fd)) return {};
    std::memcpy(&to, address, std::min(size, sizeof to));
    if ((to.sin6_family != AF_INET && to.sin6_family != AF_INET6) || !backend_port_ || port_in(to) != backend_port_)
        return {};
    std::uint64_t const cookie = socket_option<std::uint64_t>(fd, SO_COOKIE).value_or(0);
    if (auto const known = by_cookie_.find(cookie); known != by_cookie_.end()) return known->second;
    return remember(cookie, endpoint::role::backend, ++backends_);
}

} // namespace shutdown_repro::repro::steer
