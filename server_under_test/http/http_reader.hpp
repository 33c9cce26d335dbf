// Reads the responses of one connection as their bytes come, keeping only what clients tell of them; Beast keeps the framing.
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
    // Of a response to HEAD its head is all, whatever length that says.
    explicit response_reader(bool to_head = false);
    ~response_reader();
    response_reader(response_reader&&) noexcept;
    response_reader& operator=(response_reader&&) noexcept;

    // Takes the bytes up to the end of the response; what follows is ignored. Nothing once it is complete or bad.
    void feed(std::string_view);
    void end_of_stream(); // completes a response that only this ends

    parse state() const;
    std::uint64_t bytes() const { return bytes_; } // all of them
    int status() const;                            // 0: its head is not there yet
    std::uint64_t body() const;                    // bytes of it so far
    std::optional<std::uint64_t> length() const;   // of the body, where the head says it
    bool framed() const;                           // a length or chunks say where it ends
    bool close() const;                            // it says "Connection: close", or is of a protocol that means it

private:
    struct impl;
    std::unique_ptr<impl> impl_;
    std::string head_; // until it is complete
    std::uint64_t bytes_ = 0;
};

} // namespace shutdown_repro::server::http
