// The files of repro/targets/, compiled into the library.
#pragma once
#include <span>
#include <string_view>

namespace shutdown_repro::repro {

struct preset_text {
    std::string_view name, text;
};
std::span<preset_text const> preset_texts();

} // namespace shutdown_repro::repro
