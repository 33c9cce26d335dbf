#include "repro/clients/protocol.hpp"
#include <algorithm>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include "repro/process/child_process.hpp"
#include "server_under_test/http/response_head.hpp"

namespace shutdown_repro::repro {
namespace {

// A TLS record begins with its type (20 to 23), and a version that begins with 3.
bool is_tls(std::string_view bytes) { return bytes.size() >= 2 && bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3; }

// The first frame of an HTTP/2 server is SETTINGS: three bytes of length, type 4, flags, stream 0.
bool is_http2(std::string_view bytes) {
    constexpr std::size_t frame_head = 9, type = 3, stream = 5;
    return bytes.size() >= frame_head && bytes[0] == 0 && bytes[type] == 4 &&
        std::ranges::all_of(bytes.substr(stream, 4), [](char c) { return c == 0; });
}

} // namespace

std::string why_not_http(std::string_view bytes) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
    if (server::http::begins_like_a_response(bytes)) return {};
    if (is_tls(bytes)) return "the server speaks TLS, and the clients speak plain HTTP/1.1";
    if (is_http2(bytes)) return "the server speaks HTTP/2 without an upgrade, and the clients speak HTTP/1.1";
    return "the server's response is not HTTP: " + quoted_bytes(bytes.substr(0, 60));
}

bool speaks_tls(std::uint16_t port) {
    constexpr int patience_ms = 2'000;
    // A ClientHello of TLS 1.2 with one cipher suite and no extension: any answer to it is TLS, be it a refusal.
    constexpr std::size_t random_bytes = 32;
    std::string hello("\x16\x03\x01\0\x2d\x01\0\0\x29\x03\x03", 11);
    hello += std::string(random_bytes, 'r') + std::string("\0\0\x02\0\x2f\x01\0", 7);
    unique_fd const client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!client || connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return false;
    if (send(client.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0) return false;
    pollfd answer{client.get(), POLLIN, 0};
    char bytes[8];
    if (poll(&answer, 1, patience_ms) != 1) return false;
    ssize_t const got = recv(client.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    return got > 0 && is_tls({bytes, static_cast<std::size_t>(got)});
}

std::string quoted_bytes(std::string_view bytes) {
    return nlohmann::json(std::string(bytes)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

} // namespace shutdown_repro::repro
