// Draws the picture: time runs to the right, and each actor has a lane. Zooming stretches one group with everything
// that is drawn along the time, but not its strokes, so a stroke of length 0 with round caps is a dot that stays round.
#include <algorithm>
#include <array>
#include <map>
#include "traces/page/html_text.hpp"
#include "traces/page/parts.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t least_between_times = 66; // pixels
constexpr std::size_t least_between_flags = 46;
constexpr std::size_t most_flags = 60;

// How a part of a life is drawn: active or open, waiting or closed, ended but not removed.
enum class life : std::uint8_t { plain, works, waits, over };
constexpr std::array<std::string_view, 4> life_classes{"plain", "works", "waits", "over"};
constexpr std::array<std::string_view, 4> life_strokes{"stroke=\"#ccd3da\" stroke-width=\"1.5\"",
    "stroke=\"#a9b7c6\" stroke-width=\"7\"", "stroke=\"#a9b7c6\" stroke-width=\"2\"",
    "stroke=\"#8496a9\" stroke-width=\"3\" stroke-dasharray=\"1 4\""};

life after(kind what, life before) {
    switch (what) {
    case kind::server_open:
    case kind::scope_open:
    case kind::coroutine_start:
    case kind::coroutine_resume:
    case kind::request_begin:
    case kind::connection_open:
    case kind::loop_start:
    case kind::process_start: return life::works;
    case kind::server_close:
    case kind::scope_closed:
    case kind::coroutine_spawn:
    case kind::coroutine_suspend:
    case kind::request_respond:
    case kind::loop_stopping:
    case kind::timer_arm: return life::waits;
    case kind::server_stopped:
    case kind::scope_dispose:
    case kind::coroutine_finish:
    case kind::request_finish:
    case kind::coroutine_zombie:
    case kind::server_destroy: return life::over;
    default: return before;
    }
}

enum class shape : std::uint8_t { dot, begins, ends, decides, acts };
constexpr std::array<std::string_view, 5> shape_classes{"dot", "begins", "ends", "decides", "acts"};

shape shape_of(kind what) {
    switch (what) {
    case kind::server_open:
    case kind::scope_open:
    case kind::coroutine_spawn:
    case kind::request_open:
    case kind::request_begin:
    case kind::connection_open:
    case kind::stream_open:
    case kind::timer_arm:
    case kind::loop_start:
    case kind::client_connect:
    case kind::process_start: return shape::begins;
    case kind::decision: return shape::decides;
    default: return ends_life(what) ? shape::ends : is_act(what) ? shape::acts : shape::dot;
    }
}

// A mark is one or two strokes of length 0, the second inside the first.
std::string strokes(shape s, std::string const& path) {
    auto const stroke = [&](std::string_view cls, std::string_view color, std::string_view width,
                            std::string_view cap) {
        std::string out = "<path class=\"";
        out.append(cls)
            .append("\" d=\"")
            .append(path)
            .append("\" fill=\"none\" stroke=\"")
            .append(color)
            .append("\" stroke-width=\"")
            .append(width);
        return out.append("\" stroke-linecap=\"").append(cap).append("\" vector-effect=\"non-scaling-stroke\"/>");
    };
    switch (s) {
    case shape::begins: return stroke("ink", "#3d4752", "9", "round") + stroke("hole", "#fff", "5", "round");
    case shape::ends: return stroke("ink", "#3d4752", "9", "round");
    case shape::decides: return stroke("choice", "#2458c5", "8", "square") + stroke("hole", "#fff", "4", "square");
    case shape::acts: return stroke("act", "#8a5800", "11", "square");
    case shape::dot: break;
    }
    return stroke("ink", "#3d4752", "5", "round");
}

std::string place(std::size_t units, std::size_t y) {
    return "M" + std::to_string(units) + " " + std::to_string(y) + "h0";
}

class picture {
public:
    picture(html_view const& v, html_scale s) : v_(v), scale_(s) {}

    std::string draw(std::size_t parts_at) const {
        std::string const width = std::to_string(scale_.pixels(2 * v_.events().size() + 2));
        std::string const height = std::to_string(html_scale::height(v_));
        std::string out =
            "<svg class=\"chart\" role=\"group\" aria-label=\"Lanes: " + counted(v_.lanes().size(), "lane") + ", " +
            counted(v_.events().size(), "event") + "; the list below says the same in words\" width=\"" + width +
            "\" height=\"" + height + "\" font-family=\"sans-serif\" font-size=\"11\">\n" + times();
        if (parts_at != html_view::none) out += parting_line(parts_at);
        auto const [lines, heads] = html_arrows(v_, scale_);
        out += "<g class=\"along\" transform=\"scale(" + std::to_string(scale_.unit) + " 1)\">\n<g class=\"base\">" +
            lives() + joins() + "</g>\n";
        out += lines + "<g class=\"base marks\">\n" + marks() + "</g></g>\n" + heads + flags() + crosses();
        return out + "</svg>";
    }

private:
    std::string times() const {
        std::string out, shown;
        std::size_t free = 0; // where the free space begins
        for (std::size_t i = 0; i < v_.events().size(); ++i) {
            nanoseconds const t = v_.since_start(v_.events()[i]);
            std::string const label = t == 0 ? "0" : duration(t);
            std::size_t const at = scale_.pixels(2 * i);
            if (label == shown || at < free) continue;
            shown = label;
            free = at + least_between_times;
            out += html_glyph(scale_, 2 * i, 0, "time",
                "<path d=\"M0 8V" + std::to_string(html_scale::height(v_)) +
                    "\" stroke=\"#e4e7eb\"/><text x=\"5\" y=\"16\" fill=\"#5b6470\">" + label + "</text>");
        }
        return out;
    }

    std::string parting_line(std::size_t at) const {
        return html_glyph(scale_, 2 * at, 0, "parts",
            "<path d=\"M0 20V" + std::to_string(html_scale::height(v_)) +
                "\" stroke=\"#2458c5\" stroke-dasharray=\"4 3\"/>"
                "<text x=\"5\" y=\"34\" fill=\"#2458c5\">first difference</text>");
    }

    std::string lives() const {
        std::array<std::string, 4> paths;
        struct drawn {
            std::size_t from;
            life how;
        };
        std::vector<drawn> now;
        auto const line = [&](std::size_t lane, drawn d, std::size_t to) {
            if (to > d.from)
                paths[static_cast<std::size_t>(d.how)] +=
                    "M" + std::to_string(d.from) + " " + std::to_string(html_scale::y(lane)) + "H" + std::to_string(to);
        };
        std::vector<html_lane> const& lanes = v_.lanes();
        for (html_lane const& lane : lanes) {
            auto const first = std::min_element(
                lane.actors.begin(), lane.actors.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
            now.push_back({html_scale::x(first->first), life::plain});
        }
        for (std::size_t i = 0; i < v_.events().size(); ++i) {
            event const& e = v_.events()[i];
            std::size_t const lane = v_.lane_of(e.id);
            if (lane == html_view::none || lanes[lane].shared()) continue;
            life const next = after(e.what, now[lane].how);
            if (next == now[lane].how) continue;
            line(lane, now[lane], html_scale::x(i));
            now[lane] = {html_scale::x(i), next};
        }
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            bool const over =
                std::all_of(lanes[i].actors.begin(), lanes[i].actors.end(), [](actor const& m) { return m.over; });
            std::size_t last = 0;
            for (actor const& m : lanes[i].actors) last = std::max(last, m.last);
            line(i, now[i], over ? html_scale::x(last) : 2 * v_.events().size());
        }
        std::string out;
        for (std::size_t i = 0; i < paths.size(); ++i)
            if (!paths[i].empty())
                out += "<path class=\"life " + std::string(life_classes[i]) + "\" d=\"" + paths[i] +
                    "\" fill=\"none\" " + std::string(life_strokes[i]) + " vector-effect=\"non-scaling-stroke\"/>\n";
        return out;
    }

    // The connection to the actor that caused the event, if it is not the subject.
    std::string joins() const {
        std::string path, doers;
        for (std::size_t i = 0; i < v_.events().size(); ++i) {
            std::size_t const subject = v_.lane_of(v_.events()[i].id), by = v_.lane_of(v_.events()[i].by);
            if (subject == html_view::none || by == html_view::none || subject == by) continue;
            path += "M" + std::to_string(html_scale::x(i)) + " " + std::to_string(html_scale::y(by)) + "V" +
                std::to_string(html_scale::y(subject));
            doers += place(html_scale::x(i), html_scale::y(by));
        }
        return path.empty() ? ""
                            : "<path class=\"join\" d=\"" + path +
                "\" fill=\"none\" stroke=\"#c3cad2\" vector-effect=\"non-scaling-stroke\"/>\n<path class=\"doer\" "
                "d=\"" +
                doers +
                "\" fill=\"none\" stroke=\"#8496a9\" stroke-width=\"4\" stroke-linecap=\"round\" "
                "vector-effect=\"non-scaling-stroke\"/>\n";
    }

    std::string marks() const { return v_.detailed() ? marks_with_links() : coarse_marks(); }

    std::string marks_with_links() const {
        std::string out;
        for (std::size_t i = 0; i < v_.events().size(); ++i) {
            event const& e = v_.events()[i];
            std::size_t const lane = v_.lane_of(e.id);
            if (lane == html_view::none) continue;
            shape const s = shape_of(e.what);
            out += "<a id=\"" + v_.mark(i) + "\" href=\"#" + v_.row(i) + "\" tabindex=\"-1\" class=\"" +
                std::string(shape_classes[static_cast<std::size_t>(s)]) + (v_.on_path(i) ? " way" : "") +
                "\"><title>#" + std::to_string(e.seq) + " " + html_text(kind_text(e)) + "\n" + html_text(phrase(e)) +
                "</title>" + strokes(s, place(html_scale::x(i), html_scale::y(lane))) + "</a>\n";
        }
        return out;
    }

    std::string coarse_marks() const {
        std::array<std::string, shape_classes.size()> paths;
        std::string way;
        for (std::size_t i = 0; i < v_.events().size(); ++i) {
            std::size_t const lane = v_.lane_of(v_.events()[i].id);
            if (lane == html_view::none) continue;
            std::string const at = place(html_scale::x(i), html_scale::y(lane));
            paths[static_cast<std::size_t>(shape_of(v_.events()[i].what))] += at;
            if (v_.on_path(i) && !is_act(v_.events()[i].what)) way += at;
        }
        std::string out;
        for (std::size_t i = 0; i < paths.size(); ++i)
            if (!paths[i].empty())
                out += "<g class=\"" + std::string(shape_classes[i]) + "\">" +
                    strokes(static_cast<shape>(i), paths[i]) + "</g>\n";
        return out + (way.empty() ? "" : "<g class=\"way\">" + strokes(shape::dot, way) + "</g>\n");
    }

    // Lines through all lanes at the moments of stop and free.
    std::string flags() const {
        std::string out;
        std::size_t free = 0, drawn = 0;
        bool raised = false;
        for (std::size_t i = 0; i < v_.events().size() && drawn < most_flags; ++i) {
            event const& e = v_.events()[i];
            if (!is_act(e.what)) continue;
            std::size_t const at = scale_.pixels(html_scale::x(i));
            raised = at < free && !raised;
            free = at + least_between_flags;
            ++drawn;
            std::string const y = raised ? "34" : "48";
            std::string const word = e.what == kind::act_stop ? "stop"
                : e.what == kind::act_free                    ? "free"
                                                              : html_text(e.text("signal", "signal"));
            out += html_glyph(scale_, html_scale::x(i), 0, "flag",
                "<path d=\"M0 " + std::string(raised ? "25" : "39") + "V" + std::to_string(html_scale::height(v_)) +
                    "\" stroke=\"#8a5800\" stroke-opacity=\".55\"/><text x=\"5\" y=\"" + y +
                    "\" fill=\"#8a5800\" font-weight=\"600\">" + word + "</text>");
        }
        return out;
    }

    std::string crosses() const {
        std::string out;
        std::size_t drawn = 0;
        for (std::size_t i = 0; i < v_.events().size() && drawn < most_flags; ++i) {
            if (!v_.is_broken(i)) continue;
            ++drawn;
            std::size_t const lane = v_.lane_of(v_.events()[i].id);
            std::string said;
            for (violation const* broken : v_.broken_at(i))
                said += (said.empty() ? "" : "\n") + html_text(broken->rule) + ": " + html_text(broken->message);
            out += html_glyph(scale_, html_scale::x(i), html_scale::y(lane == html_view::none ? 0 : lane), "cross",
                "<a href=\"#" + v_.row(i) + "\" tabindex=\"-1\"><title>" + said +
                    "</title><circle r=\"8.5\" fill=\"#c5281c\" stroke=\"#fff\" stroke-width=\"1.5\"/>"
                    "<path d=\"M-3-3 3 3M3-3-3 3\" stroke=\"#fff\" stroke-width=\"1.8\" "
                    "stroke-linecap=\"round\"/></a>");
        }
        return out;
    }

    html_view const& v_;
    html_scale scale_;
};

} // namespace

html_scale scale_for(html_view const& v, bool beside_another) {
    std::size_t const n = v.events().size();
    return {n <= 150 && !beside_another ? 6u : n <= 400 ? 4u : n <= 2000 ? 3u : 2u};
}

std::string html_glyph(
    html_scale s, std::size_t units, std::size_t y, std::string_view classes, std::string_view drawing) {
    std::string out = "<g class=\"at ";
    out.append(classes)
        .append("\" data-x=\"")
        .append(std::to_string(units))
        .append("\" data-y=\"")
        .append(std::to_string(y));
    out.append("\" transform=\"translate(")
        .append(std::to_string(s.pixels(units)))
        .append(" ")
        .append(std::to_string(y))
        .append(")\">");
    return out.append(drawing).append("</g>\n");
}

std::string html_lanes(html_view const& v, html_scale s, std::size_t parts_at) { return picture(v, s).draw(parts_at); }

} // namespace shutdown_repro::traces
