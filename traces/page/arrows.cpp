// Draws the paths to the violations: an arrow from each cause to its effect.
#include "traces/page/parts.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::string_view red = "#c5281c";

std::string curve(std::size_t x1, std::size_t y1, std::size_t x2, std::size_t y2) {
    auto const point = [](std::size_t x, std::size_t y) { return std::to_string(x) + " " + std::to_string(y); };
    if (y1 == y2) return "M" + point(x1, y1) + "H" + std::to_string(x2);
    std::size_t const middle = (x1 + x2) / 2;
    return "M" + point(x1, y1) + "C" + point(middle, y1) + " " + point(middle, y2) + " " + point(x2, y2);
}

} // namespace

arrows html_arrows(html_view const& v, html_scale s) {
    std::string path;
    std::set<std::size_t> tips;
    for (auto const& [from, to] : v.arrows()) {
        std::size_t const cause = v.lane_of(v.events()[from].id), effect = v.lane_of(v.events()[to].id);
        if (cause == html_view::none || effect == html_view::none) continue;
        path += curve(html_scale::x(from), html_scale::y(cause), html_scale::x(to), html_scale::y(effect));
        tips.insert(to);
    }
    if (path.empty()) return {};
    arrows out;
    out.lines = "<path class=\"arrows\" d=\"" + path + "\" fill=\"none\" stroke=\"" + std::string(red) +
        "\" stroke-width=\"1.75\" vector-effect=\"non-scaling-stroke\"/>\n";
    for (std::size_t to : tips) { // the distance to the event is the width of its mark
        std::string_view const head = v.is_broken(to) ? "M-17-4-9.5 0-17 4Z" : "M-9.5-3.5-3 0-9.5 3.5Z";
        out.heads += html_glyph(s, html_scale::x(to), html_scale::y(v.lane_of(v.events()[to].id)), "head",
            "<path d=\"" + std::string(head) + "\" fill=\"" + std::string(red) + "\"/>");
    }
    return out;
}

} // namespace shutdown_repro::traces
