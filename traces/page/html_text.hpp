// Escapes text for a page. The text of a trace is untrusted: it can't end an attribute, an element or a script, and
// control characters become visible.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

// For element content and for attributes in double quotes. Applies printable(), too.
std::string html_text(std::string_view);

// Returns a JSON string, with its quotes, that is safe inside a script element.
std::string script_text(std::string_view);

// Returns the expression of a content security policy that allows exactly this script or style: 'sha256-…'. Takes the
// digest in hexadecimal.
std::string csp_hash(std::string_view sha256);

} // namespace shutdown_repro::traces
