// Writes the names of the lanes, in the order of the scope tree.
#include <algorithm>
#include <set>
#include "traces/page/html_text.hpp"
#include "traces/page/parts.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t indent = 14, deepest = 8; // pixels of one level; number of levels that are drawn
constexpr std::size_t margin = 16, letter = 7;  // pixels
constexpr std::size_t most_columns = 42, most_beside_another = 24;

struct label {
    std::string id, name;
    std::size_t left = 0;
    std::size_t width() const { return left + (columns(id) + (name.empty() ? 0 : 1 + columns(name))) * letter; }
};

// Returns the kinds of the actors of a shared lane: "scopes, coroutines".
std::string types_of(html_lane const& lane) {
    std::set<entity> types;
    std::string out;
    for (actor const& m : lane.actors)
        if (types.insert(m.id.type).second) out += (out.empty() ? "" : ", ") + std::string(name_of(m.id.type)) + "s";
    return out;
}

label label_of(html_lane const& lane, std::size_t room) {
    actor const& m = lane.actors.front();
    label l;
    l.left = margin + std::min(m.depth, deepest) * indent;
    l.id = lane.shared() ? "… " + std::to_string(lane.actors.size()) + " more" : to_string(m.id);
    std::string const name = lane.shared() ? types_of(lane) : m.name == l.id ? "" : m.name;
    std::size_t const used = columns(l.id) + 1 + (l.left - margin) / letter;
    l.name = fit(name, room > used ? room - used : 0);
    return l;
}

} // namespace

std::string html_names(html_view const& v, bool beside_another) {
    std::vector<label> labels;
    std::size_t width = 120;
    for (html_lane const& lane : v.lanes()) {
        labels.push_back(label_of(lane, beside_another ? most_beside_another : most_columns));
        width = std::max(width, labels.back().width() + margin);
    }
    std::string out = "<svg class=\"names\" role=\"group\" aria-label=\"Actors\" width=\"" + std::to_string(width) +
        "\" height=\"" + std::to_string(html_scale::height(v)) + "\" font-family=\"sans-serif\" font-size=\"12\">\n";
    for (std::size_t i = 0; i < labels.size(); ++i) {
        html_lane const& lane = v.lanes()[i];
        actor const& m = lane.actors.front();
        bool const blamed =
            std::any_of(lane.actors.begin(), lane.actors.end(), [&](actor const& one) { return v.is_blamed(one.id); });
        std::string const full = lane.shared() ? labels[i].id + " " + types_of(lane)
                                               : to_string(m.id) + (m.name.empty() ? "" : ", " + m.name);
        out += "<g class=\"name" + std::string(blamed ? " blamed" : "") + (lane.shared() ? " shared" : "") +
            "\" data-lane=\"" + std::to_string(i) + "\"><title>" + html_text(full) +
            "</title><rect class=\"hit\" x=\"0\" y=\"" + std::to_string(html_scale::top + i * html_scale::row) +
            "\" width=\"" + std::to_string(width) + "\" height=\"" + std::to_string(html_scale::row) +
            "\" fill=\"none\"/><text x=\"" + std::to_string(labels[i].left) + "\" y=\"" +
            std::to_string(html_scale::y(i) + 4) + "\"><tspan class=\"id\" fill=\"" +
            (blamed                 ? "#b3261e"
                    : lane.shared() ? "#5b6470"
                                    : "#1c2127") +
            "\">" + html_text(labels[i].id) + "</tspan>";
        if (!labels[i].name.empty())
            out += " <tspan class=\"of\" fill=\"#5b6470\">" + html_text(labels[i].name) + "</tspan>";
        out += "</text></g>\n";
    }
    return out + "</svg>";
}

} // namespace shutdown_repro::traces
