// What the page carries beside the trace: page.css and page.js, as the build embedded them.
#pragma once
#include <string_view>

namespace shutdown_repro::traces {

struct html_asset {
    std::string_view text;
    std::string_view sha256; // of the text, hexadecimal
};

extern html_asset const html_style, html_script;

} // namespace shutdown_repro::traces
