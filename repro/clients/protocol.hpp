// Names the protocol of bytes that are not HTTP/1.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace shutdown_repro::repro {

// Returns why the first bytes that a server sent are not HTTP/1, with the protocol where it is known, or "" when they
// may be HTTP/1.
std::string why_not_http(std::string_view bytes);

// Returns whether what listens on 127.0.0.1 at this port answers the beginning of a TLS connection in TLS, within 2 s.
bool speaks_tls(std::uint16_t port);

// The bytes as a JSON string, so that they can be shown; what is not UTF-8 is replaced.
std::string quoted_bytes(std::string_view);

} // namespace shutdown_repro::repro
