// The head of a response, brought into the form that Beast's strict parser takes. Clients read more than the grammar
// allows: a status line without a reason, lines that end with LF alone, and field names outside of ASCII.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace shutdown_repro::server::http {

// Returns the size of the head in bytes, with the empty line that ends it, or nothing when it is not complete. The
// search begins at `from`; bytes before it hold no end.
std::optional<std::size_t> end_of_head(std::string_view bytes, std::size_t from = 0);

// Returns whether the bytes are the beginning of an HTTP/1 response, as far as they go.
bool begins_like_a_response(std::string_view bytes);

// The head with CRLF, with a status line of all three parts, and without the fields whose names Beast does not take:
// none of them says how long the body is. When it can't be read, `text` is empty, and `trouble` says why.
struct strict_head {
    std::string text, trouble;
};
strict_head to_strict_head(std::string_view head);

} // namespace shutdown_repro::server::http
