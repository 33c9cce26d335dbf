// The way to what is broken: arrows from each cause to what it caused.
#include "traces/views/html_parts.hpp"

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
    std::set<std::pair<std::size_t, std::size_t>> tips;
    for (auto const& [from, to] : v.arrows()) {
        std::size_t const cause = v.lane_of(v.events()[from].id), effect = v.lane_of(v.events()[to].id);
        if (cause == html_view::none || effect == html_view::none) continue;
        path += curve(html_scale::x(from), html_scale::y(cause), html_scale::x(to), html_scale::y(effect));
        tips.emplace(html_scale::x(to), html_scale::y(effect));
    }
    if (path.empty()) return {};
    arrows out;
    out.lines = "<path class=\"arrows\" d=\"" + path + "\" fill=\"none\" stroke=\"" + std::string(red) + "\" stroke-width=\"1.75\" vector-effect=\"non-scaling-stroke\"/>\n";
    for (auto const& [x, y] : tips) out.heads += html_glyph(s, x, y, "head", "<path d=\"M-10-4-3 0-10 4Z\" fill=\"" + std::string(red) + "\"/>");
    return out;
}

} // namespace shutdown_repro::traces
