// Writes every event in words, for reading, searching and linking. The list is divided into parts, so that a browser
// lays out only the visible ones.
#include "traces/page/html_text.hpp"
#include "traces/page/parts.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t rows_of_a_piece = 200;
constexpr std::string_view columns_of_a_piece =
    "<table><colgroup><col class=\"n\"><col class=\"t\"><col class=\"k\"><col></colgroup>";

std::string classes(html_view const& v, std::size_t i, std::size_t parts_at) {
    event const& e = v.events()[i];
    std::string out = v.is_broken(i) ? "broken" : v.on_path(i) ? "way" : "";
    auto const add = [&](bool is, std::string_view word) {
        if (is) out.append(out.empty() ? "" : " ").append(word);
    };
    add(is_act(e.what), "act");
    add(e.what == kind::decision, "choice");
    add(i == parts_at, "parts");
    return out.empty() ? "" : " class=\"" + out + "\"";
}

std::string row(html_view const& v, std::size_t i, std::size_t parts_at) {
    event const& e = v.events()[i];
    std::string out = "<tr id=\"" + v.row(i) + "\"" + classes(v, i, parts_at) + "><td><a href=\"#" + v.mark(i) +
        "\">#" + std::to_string(e.seq) + "</a><td>" + milliseconds(v.since_start(e)) + "<td>" +
        html_text(kind_text(e)) + "<td>" + html_text(phrase(e));
    for (violation const* broken : v.broken_at(i))
        out += "<p><b>✗ " + html_text(broken->rule) + "</b> " + html_text(broken->message) + "</p>";
    return out + "</tr>\n";
}

} // namespace

std::string html_list(html_view const& v, std::size_t parts_at) {
    std::string out = "<div class=\"list\" role=\"region\" aria-label=\"Events\">";
    std::size_t const n = v.events().size();
    for (std::size_t from = 0; from < n; from += rows_of_a_piece) {
        out += from + rows_of_a_piece < n ? "<div class=\"piece\">" : "<div class=\"piece last\">";
        out.append(columns_of_a_piece);
        if (from == 0)
            out += "<thead><tr><th scope=\"col\">event<th scope=\"col\">ms<th scope=\"col\">kind<th scope=\"col\">what "
                   "happened</thead>";
        out += "<tbody>\n";
        for (std::size_t i = from; i < std::min(n, from + rows_of_a_piece); ++i) out += row(v, i, parts_at);
        out += "</tbody></table></div>\n";
    }
    return out + "</div>\n";
}

} // namespace shutdown_repro::traces
