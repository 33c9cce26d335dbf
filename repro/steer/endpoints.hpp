// What a descriptor of the server is: its listening socket, the connection of a client, or one to the backend. A socket
// is recognized by its cookie, which it keeps when its peer has reset the connection.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include "traces/recorder.hpp"

namespace shutdown_repro::repro::steer {

struct endpoint {
    enum class role : std::uint8_t { listener, client, backend, other };
    role is = role::other;
    std::uint32_t number = 0;
    traces::ref connection = {}; // of a client or the backend
    bool steered() const { return is != role::other; }
    std::string name() const; // "listen", "client:2", "backend:1"; "other"
    auto order() const { return std::tuple(is, number); }
};

class endpoints {
public:
    // `client_at`: returns the number of the client with that local port, or 0.
    endpoints(traces::recorder& record, std::uint16_t port, std::uint16_t backend_port,
        std::function<std::uint32_t(std::uint16_t)> client_at)
        : record_(record),
          port_(port),
          backend_port_(backend_port),
          client_at_(std::move(client_at)) {}

    endpoint identify(int fd); // of a duplicate of the server's descriptor
    // Of a socket that is about to be connected to an address; `size` bytes of a sockaddr.
    endpoint connecting(int fd, void const* address, std::size_t size);

private:
    endpoint remember(std::uint64_t cookie, endpoint::role, std::uint32_t number);
    traces::recorder& record_;
    std::uint16_t port_, backend_port_;
    std::function<std::uint32_t(std::uint16_t)> client_at_;
    std::map<std::uint64_t, endpoint> by_cookie_;
    std::uint32_t backends_ = 0;
};

} // namespace shutdown_repro::repro::steer
