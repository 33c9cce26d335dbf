#include "traces/exports/exports.hpp"
#include <algorithm>

namespace shutdown_repro::traces {
namespace {

constexpr export_format formats[] = {
    {"chrome", "Perfetto, speedscope, chrome://tracing", export_chrome},
    {"otlp", "OpenTelemetry collectors and what is behind them", export_otlp},
    {"dot", "Graphviz", export_dot},
    {"shiviz", "ShiViz", export_shiviz},
};

} // namespace

std::span<export_format const> export_formats() { return formats; }

export_format const* find_export_format(std::string_view name) {
    if (name == "perfetto") name = "chrome";
    auto const at =
        std::find_if(std::begin(formats), std::end(formats), [name](export_format const& f) { return f.name == name; });
    return at == std::end(formats) ? nullptr : at;
}

} // namespace shutdown_repro::traces
