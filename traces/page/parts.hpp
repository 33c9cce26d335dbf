// The parts of the page. Each is drawn by one file, from an html_view.
#pragma once
#include <string>
#include "traces/page/lane_view.hpp"

namespace shutdown_repro::traces {

// Coordinates in the picture. Vertical ones are pixels, horizontal ones are units; an event is two units wide.
struct html_scale {
    static constexpr std::size_t top = 58, row = 26;
    std::size_t unit = 6; // width of a unit in pixels

    static std::size_t x(std::size_t index) { return 2 * index + 1; }
    static std::size_t y(std::size_t lane) { return top + lane * row + row / 2; }
    static std::size_t height(html_view const& v) { return top + v.lanes().size() * row + row / 2; }
    std::size_t pixels(std::size_t units) const { return units * unit; }
};
html_scale scale_for(html_view const&, bool beside_another);

std::string html_violations(html_view const&); // each violation with the live actors and the events that led to it
std::string html_names(html_view const&, bool beside_another); // the names of the lanes: the left column of the picture
std::string html_lanes(html_view const&, html_scale, std::size_t parts_at); // the picture
struct arrows {
    std::string lines, heads;
};                                                             // zooming stretches the lines, but not the heads
arrows html_arrows(html_view const&, html_scale);              // arrows along the paths to the violations
std::string html_list(html_view const&, std::size_t parts_at); // the list of all events in words
std::string html_data(html_view const&, html_scale);           // the data of the script, as JSON

// Returns a glyph that keeps its shape when the script stretches the picture.
std::string html_glyph(
    html_scale, std::size_t units, std::size_t y, std::string_view classes, std::string_view drawing);

} // namespace shutdown_repro::traces
