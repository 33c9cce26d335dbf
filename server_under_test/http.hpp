// HTTP/1.1 messages as bytes, parsed by Boost.Beast's parser, so that both worlds and both sides share it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace shutdown_repro::server::http {

enum class parse : std::uint8_t { need_more, complete, bad };

struct request {
    parse state = parse::need_more;
    std::size_t consumed = 0;      // bytes of the message, when complete
    std::uint32_t number = 0;      // of GET /NUMBER; 0 for any other target
    bool keep_alive = true;
};
// The first request in `bytes`.
request parse_request(std::string_view bytes);
void write_request(std::string& out, std::uint32_t number);

struct response {
    parse state = parse::need_more;
    std::size_t consumed = 0;
    int status = 0;
    bool keep_alive = true;
};
response parse_response(std::string_view bytes);
void write_response(std::string& out, int status, bool close);

} // namespace shutdown_repro::server::http
