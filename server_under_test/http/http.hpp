// HTTP/1.1 messages, read and written as bytes with Boost.Beast's parser, for both worlds and both sides of a
// connection.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace shutdown_repro::server::http {

enum class parse : std::uint8_t { need_more, complete, bad };

struct request {
    parse state = parse::need_more;
    std::size_t consumed = 0; // size of the message in bytes, when complete
    std::uint32_t number = 0; // the number in GET /NUMBER; 0 for any other target
    bool keep_alive = true;
};
// Parses the first request in `bytes`.
request parse_request(std::string_view bytes);
void write_request(std::string& out, std::uint32_t number, bool close = false);

struct response {
    parse state = parse::need_more;
    std::size_t consumed = 0;
    int status = 0;       // 0 while the head is incomplete
    std::size_t body = 0; // bytes of the body so far
    bool keep_alive = true;
};
// Parses the first final response; interim ones (status 1xx) before it are skipped and count as consumed with it.
response parse_response(std::string_view bytes);
void write_response(std::string& out, int status, bool close);
// Write a chunked response: its head, and each chunk. An empty chunk ends it.
void write_chunked_head(std::string& out, int status, bool close);
void write_chunk(std::string& out, std::string_view bytes);
std::string_view reason_of(int status); // "Internal Server Error"

} // namespace shutdown_repro::server::http
