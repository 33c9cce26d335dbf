// The parts of the page, each drawn by one file from what html_view has seen.
#pragma once
#include <string>
#include "traces/page/lane_view.hpp"

namespace shutdown_repro::traces {

// Where things stand in the picture, in pixels; along the lanes in units, two an event.
struct html_scale {
    static constexpr std::size_t top = 58, row = 26;
    std::size_t unit = 6; // pixels

    static std::size_t x(std::size_t index) { return 2 * index + 1; }
    static std::size_t y(std::size_t lane) { return top + lane * row + row / 2; }
    static std::size_t height(html_view const& v) { return top + v.lanes().size() * row + row / 2; }
    std::size_t pixels(std::size_t units) const { return units * unit; }
};
html_scale scale_for(html_view const&, bool beside_another);

std::string html_violations(html_view const&);                 // who broke which rule, who was inside, how it came
std::string html_names(html_view const&, bool beside_another); // whose lane it is: the picture's left column
std::string html_lanes(html_view const&, html_scale, std::size_t parts_at); // the picture
struct arrows {
    std::string lines, heads;
};                                                // the lines are stretched with the picture, the heads are not
arrows html_arrows(html_view const&, html_scale); // the way to what is broken, in its place in the picture
std::string html_list(html_view const&, std::size_t parts_at); // every event in words
std::string html_data(html_view const&, html_scale);           // what the script needs beside the page, JSON

// A glyph that keeps its shape when the script stretches the picture.
std::string html_glyph(
    html_scale, std::size_t units, std::size_t y, std::string_view classes, std::string_view drawing);

} // namespace shutdown_repro::traces
