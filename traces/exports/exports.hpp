// A trace for other people's tools. Each format is a file of this folder and a row in exports.cpp. An exporter is fed
// the events that are wanted, in order, and writes as it goes; memory is in the number of actors, and a few bytes an
// event for those formats that draw causes.
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
    virtual void finish() = 0; // once, after the last event
};

struct export_format {
    std::string_view name, opens_in;
    std::unique_ptr<exporter> (*make)(header const&, text_sink);
};
std::span<export_format const> export_formats();
export_format const* find_export_format(std::string_view name); // "perfetto" is chrome

std::unique_ptr<exporter> export_chrome(header const&, text_sink);
std::unique_ptr<exporter> export_otlp(header const&, text_sink);
std::unique_ptr<exporter> export_dot(header const&, text_sink);
// Throws trace_error for more than ShiViz can draw, see there.
std::unique_ptr<exporter> export_shiviz(header const&, text_sink);

} // namespace shutdown_repro::traces
