#include "traces/page/page.hpp"
#include "traces/page/assets.hpp"
#include "traces/page/html_text.hpp"
#include "traces/page/parts.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

std::string head(std::string const& title) {
    // The site that shows the page may block styles. Then nothing may depend on them or announce a dark background.
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src " +
        csp_hash(html_style.sha256) + "; script-src " + csp_hash(html_script.sha256) +
        "; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>" +
        html_text(title) + "</title>\n<style>" + std::string(html_style.text) + "</style>\n</head>\n";
}

std::string_view sign(verdict v) { return v == verdict::clean ? "✓" : v == verdict::violated ? "✗" : "?"; }

std::string verdict_line(html_side const& side) {
    return "<p class=\"verdict " + std::string(name_of(side.verdict)) + "\"><span aria-hidden=\"true\">" +
        std::string(sign(side.verdict)) + "</span> " + std::string(name_of(side.verdict)) + "</p>\n";
}

std::string sentence(html_fact const& f) {
    if (f.more.empty()) return html_text(f.sentence);
    std::string out =
        "<details><summary>" + html_text(f.sentence) + "</summary>\n<p>" + html_text(f.lead) + "</p>\n<dl>";
    for (auto const& [word, about] : f.more)
        out += "<dt>" + html_text(word) + "</dt><dd>" + html_text(about) + "</dd>\n";
    return out + "</dl></details>";
}

std::string facts(html_page const& p) {
    if (p.facts.empty()) return {};
    std::string out = "<dl class=\"facts\">";
    for (html_fact const& f : p.facts)
        out += "<div><dt>" + html_text(f.word) + "</dt><dd>" + sentence(f) + "</dd></div>";
    return out + "</dl>\n";
}

std::string problems(html_side const& side) {
    std::string out;
    for (std::string const& problem : side.problems) out += "<p class=\"problem\">" + html_text(problem) + "</p>\n";
    return out;
}

std::string top(html_page const& p) {
    std::string out = "<header>\n" + verdict_line(p.side) + "<h1>" + html_text(p.title) + "</h1>\n";
    if (!p.again.empty())
        out += "<div class=\"again\"><span class=\"word\">again</span> <code id=\"again\">" + html_text(p.again) +
            "</code> <button type=\"button\" id=\"copy\" hidden>Copy</button></div>\n";
    return out + facts(p) + problems(p.side) + "</header>\n";
}

constexpr std::string_view tools =
    "<div class=\"tools\" id=\"tools\" role=\"toolbar\" aria-label=\"Look at\" hidden>"
    "<input id=\"filter\" type=\"search\" placeholder=\"Filter events\" aria-label=\"Filter events by text\" "
    "autocomplete=\"off\" spellcheck=\"false\">"
    "<span id=\"count\" role=\"status\"></span><span id=\"following\" hidden><span id=\"followed\"></span><button "
    "type=\"button\" id=\"unfollow\" aria-label=\"Stop following\">✕</button></span>"
    "<span class=\"zoom\"><button type=\"button\" id=\"out\" aria-label=\"Zoom out\">−</button><button type=\"button\" "
    "id=\"fit\" aria-label=\"Fit to the width\">Fit</button>"
    "<button type=\"button\" id=\"in\" aria-label=\"Zoom in\">+</button></span></div>\n";

// The legend: the marks as the picture draws them.
std::string sign_of(std::string_view width, std::string_view drawing, std::string_view word) {
    std::string out = "<span><svg width=\"";
    return out.append(width)
        .append("\" height=\"12\" aria-hidden=\"true\" fill=\"none\">")
        .append(drawing)
        .append("</svg> ")
        .append(word)
        .append("</span> ");
}

std::string legend(html_view const& v) {
    std::string out = "<p class=\"legend\">" +
        sign_of("26", "<path class=\"life works\" d=\"M2 6H24\" stroke=\"#a9b7c6\" stroke-width=\"7\"/>",
            "running, or open") +
        sign_of("26", "<path class=\"life waits\" d=\"M2 6H24\" stroke=\"#a9b7c6\" stroke-width=\"2\"/>",
            "suspended, or closed") +
        sign_of("26",
            "<path class=\"life over\" d=\"M2 6H24\" stroke=\"#8496a9\" stroke-width=\"3\" stroke-dasharray=\"1 4\"/>",
            "finished, not removed") +
        sign_of("12", "<circle class=\"ink\" cx=\"6\" cy=\"6\" r=\"3.5\" stroke=\"#3d4752\" stroke-width=\"2\"/>",
            "begins") +
        sign_of("12",
            "<path class=\"ink\" d=\"M6 6h0\" stroke=\"#3d4752\" stroke-width=\"9\" stroke-linecap=\"round\"/>",
            "ends") +
        sign_of("12",
            "<rect class=\"choice\" x=\"3\" y=\"3\" width=\"6\" height=\"6\" stroke=\"#2458c5\" stroke-width=\"2\"/>",
            "decision") +
        sign_of("12", "<path class=\"act\" d=\"M1 6H11\" stroke=\"#8a5800\" stroke-width=\"10\"/>", "stop, free");
    if (!v.arrows().empty())
        out += sign_of("26", "<path class=\"arrows\" d=\"M2 6H24\" stroke=\"#c5281c\" stroke-width=\"2\"/>",
            "led to the violation");
    return out + "</p>\n";
}

std::string name_of_side(html_side const& side) {
    return "<h2><span class=\"" + std::string(name_of(side.verdict)) + "\">" + std::string(sign(side.verdict)) + " " +
        std::string(name_of(side.verdict)) + "</span> " + html_text(side.name) + " <small>" +
        counted(side.trace.events.size(), "event") + "</small></h2>\n";
}

// A table with two cells keeps names and picture side by side without styles, too.
std::string drawn(html_view const& v, bool beside_another, std::size_t parts_at) {
    html_scale const scale = scale_for(v, beside_another);
    std::string out = "<section class=\"side\" data-letter=\"" + v.letter() + "\" aria-label=\"" +
        (beside_another ? html_text(v.side().name) : "The trace") + "\">\n";
    if (beside_another) out += name_of_side(v.side());
    if (v.events().empty()) return out + "<p>The trace has no events.</p></section>\n";
    out += "<div class=\"scroll\"><table class=\"picture\" role=\"presentation\"><tr><td>" +
        html_names(v, beside_another) + "<td>" + html_lanes(v, scale, parts_at) + "</table></div>\n";
    if (!beside_another) out += legend(v);
    out += html_list(v, parts_at);
    return out + "<script type=\"application/json\" class=\"data\">" + html_data(v, scale) + "</script>\n</section>\n";
}

std::string both(html_page const& p, html_view const& v) {
    html_view const twin(*p.twin, "t");
    auto const [in_v, in_twin] = parting(v, twin);
    auto const number = [](html_view const& side, std::size_t at) {
        return at < side.events().size()
            ? "<a href=\"#" + side.row(at) + "\">#" + std::to_string(side.events()[at].seq) + "</a>"
            : std::string("its end");
    };
    std::string out = "<p class=\"parting\">";
    out += in_v == in_twin && in_v == html_view::none
        ? "Both traces have the same events."
        : "Both traces have the same events up to the first difference, at " + number(v, in_v) + " and " +
            number(twin, in_twin) + ".";
    out += "</p>\n" + legend(v);
    return out + "<div class=\"sides\">\n" + drawn(v, true, in_v) + drawn(twin, true, in_twin) + "</div>\n";
}

} // namespace

std::string as_html(html_page const& p) {
    html_view const v(p.side, "");
    std::string out = head(p.title) + "<body>\n" + top(p) + "<main>\n" + html_violations(v);
    out.append(tools);
    out += p.twin ? both(p, v) : drawn(v, false, html_view::none);
    out += "</main>\n<aside id=\"panel\" aria-live=\"polite\" aria-label=\"The chosen event\" hidden></aside>\n<div "
           "id=\"tip\" role=\"tooltip\" hidden></div>\n";
    return out + "<script>" + std::string(html_script.text) + "</script>\n</body>\n</html>\n";
}

} // namespace shutdown_repro::traces
