// Exports a trace to the formats of other tools. Each format is a file of this folder and a row in exports.cpp. An
// exporter receives the selected events in order and writes while it receives them. Its memory is proportional to the
// number of actors, plus a few bytes for each event if the format has causes.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

using text_sink = std::function<void(std::string_view)>;

class exporter {
public:
    virtual ~exporter() = default;
    virtual void on_event(event const&) = 0;
    virtual void finish() = 0; // call once, after the last event
};

struct export_format {
    std::string_view name, opens_in;
    std::unique_ptr<exporter> (*make)(header const&, text_sink);
};
std::span<export_format const> export_formats();
export_format const* find_export_format(std::string_view name); // null if unknown; "perfetto" is another name of chrome

std::unique_ptr<exporter> export_chrome(header const&, text_sink);
std::unique_ptr<exporter> export_otlp(header const&, text_sink);
std::unique_ptr<exporter> export_dot(header const&, text_sink);
// The exporter throws trace_error when there are more actors than ShiViz can draw; see shiviz.cpp.
std::unique_ptr<exporter> export_shiviz(header const&, text_sink);

} // namespace shutdown_repro::traces
