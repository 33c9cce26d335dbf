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

// Interim responses (status 1xx) before the final one are counted and skipped: they are no answer. 101 is final, as
// another protocol follows it.
class response_reader {
public:
    static constexpr std::size_t longest_head = 256 * 1024; // bytes

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
    std::string const& trouble() const { return trouble_; }     // why it is bad: "its status line is not valid"
    std::string const& beginning() const { return beginning_; } // the first bytes of the response, at most 60
    std::uint64_t bytes() const { return bytes_; }              // all bytes received, without interim responses
    std::uint32_t interim() const { return interim_; }          // number of interim responses
    int status() const;                                         // 0 while the head is incomplete
    std::uint64_t body() const;                                 // bytes of the body so far
    std::uint64_t digest() const;                               // of the body so far (FNV-1a)
    std::optional<std::uint64_t> length() const;                // the Content-Length, if there is one
    bool framed() const;                                        // a length or chunks delimit the body
    bool close() const; // "Connection: close", or a protocol version without keep-alive

private:
    struct impl;
    bool read_head();
    bool advance(std::string& from);
    void fail(std::string why);

    std::unique_ptr<impl> impl_;
    std::string unparsed_, beginning_, trouble_;
    std::size_t searched_ = 0; // bytes of unparsed_ that hold no end of a head
    std::uint64_t bytes_ = 0;
    std::uint32_t interim_ = 0;
    bool to_head_;
};

} // namespace shutdown_repro::server::http
