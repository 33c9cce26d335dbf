// inspect: a recorded trace, drawn.
#include <iostream>
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/html_report.hpp"
#include "cli/judgement.hpp"
#include "cli/report.hpp"
#include "repro/errors.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

struct options {
    std::string path, follow, html, twin;
    bool timeline = false, tree = false, explain = false;
};

std::string follow_id(trace const& t, std::string const& text, look l) {
    auto const id = parse_ref(text);
    if (!id) throw repro::input_error("--follow: \"" + text + "\" is no id; one looks like coroutine:5 (inspect --tree shows them)");
    std::string page = follow(t, *id, l);
    if (page.empty()) throw repro::input_error("--follow: no event of the trace concerns " + text + " (inspect --tree shows who does appear)");
    return page;
}

std::string headline(trace const& t, judgement const& j, look l) {
    std::string out = j.scenario.empty() ? "a trace" : printable(j.scenario);
    out = paint(l, tint::strong, out) + (j.world.empty() ? "" : " · " + printable(j.world)) + " · " + counted(j.events, "event") + " · " + duration(j.span);
    if (!t.head.tool.empty()) out += " · by " + printable(t.head.tool);
    return out + "\n";
}

int inspect(options const& o, output& out) {
    bool const any_view = o.timeline || o.tree || o.explain || !o.follow.empty();
    if (!o.html.empty()) {
        if (any_view) throw repro::input_error("--html goes without other views: the page has them");
        out.print(write_html(o.html, o.path, o.twin));
        return repro::clean;
    }
    trace const t = read_file(o.path);
    judgement const judged = judge(t);
    for (std::string const& problem : judged.problems) std::cerr << "shutdown-repro: " << o.path << ": " << printable(problem) << "\n";
    look const l = out.page();
    std::vector<std::string> pages{headline(t, judged, l) + acts_as_text(t, l)};
    if (o.tree) pages.push_back(tree(t, judged.violations, l));
    if (o.timeline || !any_view) pages.push_back(timeline(t, judged.violations, l));
    if (!o.follow.empty()) pages.push_back(follow_id(t, o.follow, l));
    if (o.explain) pages.push_back(judged.violations.empty() ? "no rule is broken: nothing to explain\n" : explain(t, judged.violations, l));
    for (std::size_t i = 0; i < pages.size(); ++i) out.print((i ? "\n" : "") + pages[i]);
    return repro::clean;
}

} // namespace

void add_inspect(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<options>();
    CLI::App* const sub = app.add_subcommand("inspect", "draw a recorded trace");
    sub->add_option("TRACE", o->path, "trace file; - is standard input")->required();
    sub->add_flag("--timeline", o->timeline, "a row an event, a lane an actor (when no other view is asked for)");
    sub->add_flag("--tree", o->tree, "the scopes and who is in them, where the server failed or at the end");
    sub->add_option("--follow", o->follow, "only what concerns one id")->type_name("ID");
    sub->add_flag("--explain", o->explain, "for each violation the steps that led to it");
    auto* const html = sub->add_option("--html", o->html, "write a page for browsers")->type_name("FILE");
    sub->add_option("--twin", o->twin, "a passing trace, beside it on that page")->type_name("TRACE")->needs(html);
    sub->callback([o, &chosen] { chosen = [o](output& out) { return inspect(*o, out); }; });
}

} // namespace shutdown_repro::cli
