// Text on its way into a page. A trace is somebody else's: what it says can neither end an attribute, an element or a
// script, nor hide in control characters.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

// For element content and for attributes in double quotes. What printable() makes visible comes out visible.
std::string html_text(std::string_view);

// A JSON string, quotes included, that may stand inside a script element.
std::string script_text(std::string_view);

// The source expression by which a page allows exactly this script or style: 'sha256-…'. Takes the digest in
// hexadecimal.
std::string csp_hash(std::string_view sha256);

} // namespace shutdown_repro::traces
