// page.css and page.js, which the build embeds and each page contains.
#pragma once
#include <string_view>

namespace shutdown_repro::traces {

struct html_asset {
    std::string_view text;
    std::string_view sha256; // digest of the text, in hexadecimal
};

extern html_asset const html_style, html_script;

} // namespace shutdown_repro::traces
