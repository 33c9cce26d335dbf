// Reads the response on a connection as its bytes arrive, and keeps only the facts that clients record. Beast handles
// the framing.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "server_under_test/http/http.hpp"

namespace shutdown_repro::server::http {

class response_reader {
public:
    // `to_head`: the response to a HEAD request has no body, whatever its length says.
    explicit response_reader(bool to_head = false);
    ~response_reader();
    response_reader(response_reader&&) noexcept;
    response_reader& operator=(response_reader&&) noexcept;

    // Takes bytes up to the end of the response, and ignores the rest. Does nothing once the response is complete or
    // bad.
    void feed(std::string_view);
    void end_of_stream(); // completes a response that is delimited by the end of the stream

    parse state() const;
    std::uint64_t bytes() const { return bytes_; } // all bytes received
    int status() const;                            // 0 while the head is incomplete
    std::uint64_t body() const;                    // bytes of the body so far
    std::optional<std::uint64_t> length() const;   // the Content-Length, if there is one
    bool framed() const;                           // a length or chunks delimit the body
    bool close() const;                            // "Connection: close", or a protocol version without keep-alive

private:
    struct impl;
    std::unique_ptr<impl> impl_;
    std::string head_; // bytes not parsed yet
    std::uint64_t bytes_ = 0;
};

} // namespace shutdown_repro::server::http
