#include "server_under_test/http/http.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <cstring>

namespace shutdown_repro::server::http {

namespace {

namespace beast = boost::beast::http;
using boost::beast::string_view;
using error_code = boost::beast::error_code;

constexpr int switching_protocols = 101; // the only status 1xx that is final

// Keeps the few facts that are needed here. Beast handles the framing.
template <bool is_request> class facts final : public beast::basic_parser<is_request> {
public:
    facts() { this->eager(true); }
    std::uint32_t number = 0;
    int status = 0;
    std::size_t body = 0;

private:
    void on_request_impl(beast::verb, string_view, string_view target, int, error_code&) override {
        if (target.empty() || target.front() != '/') return;
        std::from_chars(target.data() + 1, target.data() + target.size(), number);
    }
    void on_response_impl(int code, string_view, int, error_code&) override { status = code; }
    void on_field_impl(beast::field, string_view, string_view, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(string_view bytes, error_code&) override {
        body += bytes.size();
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
        body += bytes.size();
        return bytes.size();
    }
    void on_finish_impl(error_code&) override {}
};

// Remembers short texts and what they were parsed to. All executions of an exploration exchange the same few messages,
// and Beast needs a thousand instructions for each.
template <class Message> class parsed_texts {
public:
    // Returns the message that the same bytes were parsed to; parses them by `parse` if they are not remembered.
    template <class Parse> Message find(std::string_view bytes, Parse&& parse) {
        if (bytes.size() < least || bytes.size() > most) return parse(bytes);
        entry& known = entries_[slot_of(bytes)];
        if (known.size != bytes.size() || std::memcmp(known.text, bytes.data(), bytes.size()) != 0) {
            known.message = parse(bytes);
            known.size = bytes.size();
            std::memcpy(known.text, bytes.data(), bytes.size());
        }
        return known.message;
    }

private:
    static constexpr std::size_t least = 8, most = 256;
    struct entry {
        std::size_t size = 0;
        char text[most] = {};
        Message message;
    };
    // Requests differ in the letters after "GET /", responses mostly in their size.
    static std::size_t slot_of(std::string_view bytes) {
        return (bytes.size() + static_cast<unsigned char>(bytes[5]) + static_cast<unsigned char>(bytes[6]) * 5u) % 32;
    }
    std::array<entry, 32> entries_{};
};

template <class Message, class Facts> void run(Message& m, Facts& f, std::string_view bytes) {
    error_code ec;
    std::size_t const used = f.put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
    if (f.is_done()) {
        m.state = parse::complete;
        m.consumed = used;
        m.keep_alive = f.keep_alive();
    } else if (ec && ec != beast::error::need_more) {
        m.state = parse::bad;
    }
}

request first_request(std::string_view bytes) {
    request r;
    facts<true> f;
    run(r, f, bytes);
    r.number = f.number;
    return r;
}

response first_response(std::string_view bytes) {
    std::size_t interim = 0; // bytes of interim responses
    for (;;) {
        facts<false> f;
        response next;
        if (interim < bytes.size()) run(next, f, bytes.substr(interim));
        if (next.state == parse::complete && f.status / 100 == 1 && f.status != switching_protocols) {
            interim += next.consumed;
            continue;
        }
        next.status = f.status;
        next.body = f.body;
        if (next.consumed) next.consumed += interim;
        return next;
    }
}

} // namespace

request parse_request(std::string_view bytes) {
    static thread_local constinit parsed_texts<request> known;
    if (bytes.empty()) return {};
    return known.find(bytes, first_request);
}

response parse_response(std::string_view bytes) {
    static thread_local constinit parsed_texts<response> known;
    if (bytes.empty()) return {};
    return known.find(bytes, first_response);
}

void write_request(std::string& out, std::uint32_t number, bool close) {
    char digits[12];
    auto const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append("GET /")
        .append(digits, end)
        .append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        .append(close ? "Connection: close\r\n\r\n" : "\r\n");
}

std::string_view reason_of(int status) {
    auto const reason = beast::obsolete_reason(static_cast<beast::status>(status));
    return {reason.data(), reason.size()};
}

namespace {

void write_status_line(std::string& out, int status) {
    out.reserve(out.size() + 96); // enough for a whole response, so that a new buffer grows only once
    char digits[12];
    auto const end = std::to_chars(digits, digits + sizeof digits, status).ptr;
    out.append("HTTP/1.1 ").append(digits, end).append(" ").append(reason_of(status)).append("\r\n");
}

} // namespace

void write_response(std::string& out, int status, bool close) {
    std::string_view const reason = reason_of(status);
    char digits[12];
    auto const end = std::to_chars(digits, digits + sizeof digits, reason.size() + 1).ptr;
    write_status_line(out, status);
    out.append("Content-Length: ").append(digits, end);
    out.append(close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n").append(reason).append("\n");
}

void write_chunked_head(std::string& out, int status, bool close) {
    write_status_line(out, status);
    out.append("Transfer-Encoding: chunked\r\n").append(close ? "Connection: close\r\n\r\n" : "\r\n");
}

void write_chunk(std::string& out, std::string_view bytes) {
    char digits[20];
    auto const end = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16).ptr;
    out.append(digits, end).append("\r\n").append(bytes).append("\r\n");
}

} // namespace shutdown_repro::server::http
