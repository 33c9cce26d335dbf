#include "server_under_test/http/response_head.hpp"
#include <algorithm>

namespace shutdown_repro::server::http {
namespace {

constexpr std::string_view protocol = "HTTP/1.", blanks = " \t";
constexpr std::size_t version_size = protocol.size() + 1, code_size = 3;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The characters of a field name, RFC 9110 section 5.6.2.
bool is_name_character(char c) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.find(c) != marks.npos;
}

// Removes the first line from `rest` and returns it without its end.
std::string_view next_line(std::string_view& rest) {
    std::size_t const end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// "HTTP/1.1 200" and whatever follows; the reason is left out, as nobody needs it.
bool add_status_line(std::string& to, std::string_view line) {
    std::size_t const whole = version_size + 1 + code_size;
    if (line.size() < whole || !begins_like_a_response(line)) return false;
    std::string_view const code = line.substr(version_size + 1, code_size);
    if (line[version_size] != ' ' || !std::ranges::all_of(code, is_digit)) return false;
    if (line.size() > whole && line[whole] != ' ') return false;
    to.append(line.substr(0, whole)).append(" \r\n");
    return true;
}

// Adds a field, or nothing when its name is none that Beast takes. Returns false when the line is not a field.
bool add_field(std::string& to, std::string_view line, bool& left_out) {
    if (blanks.find(line.front()) != blanks.npos) { // goes on with the field before it
        if (!left_out) to.append(line).append("\r\n");
        return true;
    }
    std::size_t const colon = line.find(':');
    if (colon == line.npos || colon == 0) return false;
    std::string_view name = line.substr(0, colon);
    name = name.substr(0, name.find_last_not_of(blanks) + 1);
    left_out = !std::ranges::all_of(name, is_name_character);
    if (!left_out) to.append(name).append(line.substr(colon)).append("\r\n");
    return true;
}

} // namespace

std::optional<std::size_t> end_of_head(std::string_view bytes, std::size_t from) {
    for (std::size_t at = bytes.find('\n', from); at != bytes.npos; at = bytes.find('\n', at + 1)) {
        std::string_view const after = bytes.substr(at + 1);
        if (after.starts_with('\n')) return at + 2;
        if (after.starts_with("\r\n")) return at + 3;
    }
    return std::nullopt;
}

bool begins_like_a_response(std::string_view bytes) {
    if (!protocol.starts_with(bytes.substr(0, protocol.size()))) return false;
    return bytes.size() <= protocol.size() || is_digit(bytes[protocol.size()]);
}

strict_head to_strict_head(std::string_view head) {
    strict_head out;
    std::string_view const status = next_line(head);
    if (!add_status_line(out.text, status)) return {"", "its status line is not valid"};
    bool left_out = false;
    while (!head.empty()) {
        std::string_view const line = next_line(head);
        if (line.empty()) break;
        if (!add_field(out.text, line, left_out)) return {"", "a line of its head is not a field"};
    }
    out.text += "\r\n";
    return out;
}

} // namespace shutdown_repro::server::http
