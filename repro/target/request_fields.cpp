#include "repro/target/request_fields.hpp"
#include <algorithm>
#include <utility>

namespace shutdown_repro::repro::target_values {

namespace {
constexpr std::size_t most_lines = 10'000, most_headers = 64;
} // namespace

std::string one_line(located_value const& v) {
    std::string const& text = v.text("one line of text");
    if (text.empty() || text.size() > 500 ||
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
        v.must_be("one line of text");
    return text;
}

// Reads a text, or a list of its lines.
std::string text_of(located_value const& v) {
    if (!v.json().is_array()) return v.text("a text, or a list of lines");
    std::string all;
    for (located_value const& line : v.items("a list of lines", 0, most_lines))
        all += line.text("a line of text") + "\n";
    return all;
}

namespace {

std::string path(located_value const& v) {
    std::string const text = v.text("a path on the server");
    if (!is_server_path(text)) v.must_be("a path on the server, such as \"/slow\"");
    return text;
}

// These characters may be in a method and in the name of a header.
bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            others.find(c) != others.npos;
    });
}

std::string method(located_value const& v) {
    std::string const& text = v.text("a method, such as \"POST\"");
    if (!is_token(text)) v.must_be("a method, such as \"POST\"");
    return text;
}

// The clients frame the body themselves, and the rest of the head must not change where it ends.
target::named_texts headers(located_value const& v) {
    v.check_object("an object of headers, such as {\"Accept\": \"text/html\"}");
    target::named_texts all;
    for (located_value const& each : v.members()) {
        if (all.size() == most_headers) v.fail("has more than " + std::to_string(most_headers) + " headers");
        std::string name(each.name());
        if (!is_token(name)) each.fail("is not a valid name of a header");
        std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
        if (name == "content-length" || name == "transfer-encoding")
            each.fail("can't be set: the clients send the length of the body");
        all.emplace_back(each.name(), one_line(each));
    }
    return all;
}

// Lines of text, so many bytes in all.
std::string filler(std::size_t size) {
    constexpr std::size_t line = 64;
    std::string text(size, 'x');
    for (std::size_t i = line - 1; i < size; i += line) text[i] = '\n';
    return text;
}

std::string body_of_size(located_value const& v) {
    constexpr std::int64_t most = 64 << 20;
    return filler(static_cast<std::size_t>(v.number("a number of bytes", 0, most)));
}

target::http_request http_request(located_value const& v, bool has_status, target::http_request r = {}) {
    v.check_object("a request, such as {\"path\": \"/\"}");
    bool has_body = false;
    for (located_value const& part : v.members()) {
        bool const is_body = part.name() == "body" || part.name() == "body_bytes";
        if (is_body && std::exchange(has_body, true)) v.fail("has both \"body\" and \"body_bytes\"");
        if (part.name() == "path") r.path = path(part);
        else if (part.name() == "method") r.method = method(part);
        else if (part.name() == "headers") r.headers = headers(part);
        else if (part.name() == "body") r.body = text_of(part);
        else if (part.name() == "body_bytes") r.body = body_of_size(part);
        else if (has_status && part.name() == "status")
            r.status = static_cast<int>(part.number("an HTTP status", 100, 599));
        else {
            static constexpr std::string_view known[] = {"path", "method", "headers", "body", "body_bytes", "status"};
            part.unknown_field(std::span(known).first(has_status ? 6 : 5));
        }
    }
    return r;
}

// A path, or an object that says more.
target::http_request url_with_defaults(located_value const& v, target::http_request r) {
    if (v.json().is_object()) {
        if (!v.find("path")) v.fail("has no \"path\"");
        return http_request(v, false, std::move(r));
    }
    if (!v.json().is_string())
        v.must_be("a path on the server, such as \"/slow\", or a request, such as "
                  "{\"method\": \"POST\", \"path\": \"/slow\"}");
    r.path = path(v);
    return r;
}

} // namespace

target::http_request request(located_value const& v) { return http_request(v, false); }
target::http_request readiness_request(located_value const& v) { return http_request(v, true); }
target::http_request url(located_value const& v) { return url_with_defaults(v, {}); }

target::http_request upload_url(located_value const& v) {
    target::http_request r = url_with_defaults(v, usual_upload());
    if (r.body.size() < 2) v.fail("needs a body of at least 2 bytes: half of it is sent before the stop");
    return r;
}

} // namespace shutdown_repro::repro::target_values

namespace shutdown_repro::repro {

target::http_request usual_upload() {
    constexpr std::size_t size = 64 * 1024;
    return {
        .method = "POST", .path = "", .headers = {{"Content-Type", "text/plain"}}, .body = target_values::filler(size)};
}

} // namespace shutdown_repro::repro
