// inspect: shows a recorded trace as text or as a page, counts its events, or exports it for other tools.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include "cli/commands/command.hpp"
#include "cli/commands/export.hpp"
#include "cli/commands/watch.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/trace_input.hpp"
#include "cli/report/html_report.hpp"
#include "cli/report/judgement.hpp"
#include "cli/report/markdown_report.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "traces/views/pages.hpp"
#include "traces/views/stats.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

struct inspect_options {
    std::string path, follow, filter, export_format, output, html, twin;
    std::string at;
    bool timeline = false, tree = false, explain = false, stats = false, watch = false, markdown = false;

    bool any_view() const { return timeline || tree || explain || stats || !follow.empty(); }
};

ref id_to_follow(std::string const& text) {
    auto const id = parse_ref(text);
    if (!id)
        throw repro::input_error(
            "--follow: \"" + text + "\" is not an id such as coroutine:5 (inspect --tree shows the ids)");
    return *id;
}

filter filter_of(std::string const& expression) {
    if (expression.empty()) return {};
    try {
        return filter(expression);
    } catch (filter_error const& e) { throw repro::input_error(std::string("--filter: ") + e.what()); }
}

// Refuses options that another view needs, instead of ignoring them.
void check_combination(inspect_options const& o) {
    if (!o.at.empty() && !o.tree) throw repro::input_error("--at needs --tree: it selects when the tree is drawn");
    if (!o.output.empty() && o.export_format.empty())
        throw repro::input_error("--output needs --export FORMAT: it names the file of the export");
    if (!o.export_format.empty() && (o.any_view() || o.watch))
        throw repro::input_error("--export can't be combined with views or --watch; leave one of them out");
    if (!o.html.empty() && (o.any_view() || o.watch || !o.export_format.empty() || !o.filter.empty()))
        throw repro::input_error(
            "--html can't be combined with other views, --export or --filter: the page has all views");
    if (o.markdown && (o.any_view() || o.watch || !o.export_format.empty() || !o.filter.empty() || !o.html.empty()))
        throw repro::input_error("--markdown can't be combined with other views, --export or --filter");
    if (o.watch && (o.tree || o.explain || o.stats || !o.follow.empty()))
        throw repro::input_error("--watch prints rows only: combine it with --filter, not with other views");
}

// The first pass over the trace: judges it, and surveys it for each view that was asked for.
struct first_pass final : reader_events {
    first_pass(inspect_options const& o, text_style style)
        : wanted(o),
          which(filter_of(o.filter)),
          rows(style),
          tree(style),
          explained(style) {
        if (!o.follow.empty()) followed.emplace(id_to_follow(o.follow), style);
    }
    void on_header(header const& h) override {
        judge.on_header(h);
        twin = h.twin;
    }
    void on_footer(footer const& f) override { judge.on_footer(f); }
    void on_event(event const& e) override {
        if (events++ == 0 && followed) followed->start(e);
        judge.on_event(e);
        bool const fits = which.fits(e);
        fitting += fits;
        if (wanted.timeline) rows.survey(e, fits);
        if (wanted.tree) tree.survey(e);
        if (wanted.explain) explained.survey(e);
        if (followed && fits) followed->survey(e);
        if (wanted.stats && fits) figures.on_event(e);
    }

    inspect_options const& wanted;
    filter which;
    trace_judge judge;
    timeline_page rows;
    tree_page tree;
    explain_page explained;
    std::optional<follow_page> followed;
    stats figures;
    std::string twin; // the header's description of the passing twin
    std::uint64_t events = 0, fitting = 0;
};

struct each_event final : reader_events {
    explicit each_event(std::function<void(event const&)> f) : callback(std::move(f)) {}
    void on_header(header const&) override {}
    void on_event(event const& e) override { callback(e); }
    void on_footer(footer const&) override {}
    std::function<void(event const&)> callback;
};

std::string headline(judgement const& j, text_style style) {
    std::string const title = fit(j.scenario.empty() ? "a trace" : printable(j.scenario), style.width);
    std::string about =
        (j.world.empty() ? "" : printable(j.world) + " · ") + counted(j.events, "event") + " · " + duration(j.span);
    if (!j.tool.empty()) about += " · by " + printable(j.tool);
    bool const beside = columns(title) + 3 + columns(about) <= style.width;
    return paint(style, tint::strong, title) + (beside ? " · " + about : "\n  " + wrap(about, style.width, 2)) + "\n";
}

std::string tree_text(trace_input& from, first_pass& seen, judgement const& judged) {
    std::string const& at = seen.wanted.at;
    if (at.empty()) seen.tree.draw_where_it_failed(judged.violations);
    else seen.tree.draw_after(std::stoull(at), judged.violations);
    each_event again([&](event const& e) { seen.tree.note(e); });
    from.read(again);
    if (!at.empty() && !seen.tree.is_drawn_there())
        throw repro::input_error(
            "--at: the trace has no event " + at + " (inspect without --tree shows the numbers of the events)");
    return seen.tree.text();
}

void print_rows(trace_input& from, first_pass& seen, judgement const& judged, output& out) {
    out.print("\n" + seen.rows.heading(judged.violations));
    seen.which.restart();
    each_event again([&](event const& e) { out.print(seen.rows.row(e, seen.which.fits(e))); });
    from.read(again);
}

void print_followed(trace_input& from, first_pass& seen, output& out) {
    out.print("\n");
    seen.which.restart();
    each_event again([&](event const& e) { out.print(seen.followed->row(e, seen.which.fits(e))); });
    from.read(again);
}

std::string explanation(trace_input& from, first_pass& seen, judgement const& judged) {
    if (judged.violations.empty()) return "no violation: there is nothing to explain\n";
    seen.explained.explain(judged.violations);
    each_event again([&](event const& e) { seen.explained.note(e); });
    from.read(again);
    return seen.explained.text();
}

// For the trace of a finding: the decision at which the nearest passing execution differs.
std::string twin_page(std::string const& header, inspect_options const& o, text_style style) {
    auto const twin = nlohmann::json::parse(header, nullptr, false);
    if (!twin.is_object()) return {};
    auto const text = [&](char const* key) {
        return twin.contains(key) && twin[key].is_string() ? printable(twin[key].get<std::string>()) : std::string("?");
    };
    std::string const number = twin.contains("decision") && twin["decision"].is_number_unsigned()
        ? " " + std::to_string(twin["decision"].get<std::uint64_t>())
        : "";
    std::string page = "\n" +
        wrap("passes instead when decision" + number + " is not \"" + text("taken") + "\" but \"" + text("instead") +
                "\"",
            style.width, 2) +
        "\n";
    if (!twin.contains("trace")) return page;
    auto const beside = std::filesystem::path(o.path).parent_path() / std::filesystem::path(text("trace")).filename();
    return page + "  " + shell_line({"shutdown-repro", "diff", o.path, beside.string()}) + "\n";
}

int inspect(inspect_options o, output& out) {
    check_combination(o);
    if (!o.html.empty()) {
        out.print(write_html(o.html, o.path, o.twin));
        return repro::clean;
    }
    if (o.markdown) {
        out.print(markdown_of(o.path));
        return repro::clean;
    }
    if (o.watch) return watch(o.path, filter_of(o.filter), out);
    if (!o.export_format.empty()) return export_trace(o.path, o.export_format, o.output, filter_of(o.filter), out);
    if (!o.any_view()) o.timeline = true;
    text_style const style = out.page();
    trace_input from(o.path);
    first_pass seen(o, style);
    judgement const judged = seen.judge.result(from.read(seen));
    for (std::string const& problem : judged.problems)
        std::cerr << "shutdown-repro: " << o.path << ": " << printable(problem) << "\n";
    if (seen.events > 0 && seen.fitting == 0)
        throw repro::input_error("--filter: no event of the trace matches", repro::nothing_selected);
    if (seen.followed && seen.followed->empty())
        throw repro::input_error(
            "--follow: no event of the trace concerns " + o.follow + " (inspect --tree shows the ids of the trace)");
    std::string const drawn = o.tree ? "\n" + tree_text(from, seen, judged) : "";
    out.print(headline(judged, style) + acts_as_text(judged, style));
    if (o.stats) out.print("\n" + seen.figures.text(style));
    out.print(drawn);
    if (o.timeline) print_rows(from, seen, judged, out);
    if (seen.followed) print_followed(from, seen, out);
    if (o.explain)
        out.print(
            "\n" + explanation(from, seen, judged) + (judged.violations.empty() ? "" : twin_page(seen.twin, o, style)));
    return repro::clean;
}

} // namespace

void add_inspect(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<inspect_options>();
    CLI::App* const sub = app.add_subcommand("inspect", "Show a recorded trace");
    sub->add_option("TRACE", o->path, "Trace file; - is standard input")->required();
    sub->add_flag("--timeline", o->timeline, "Show one row per event and one lane per actor (the default view)");
    sub->add_flag("--tree", o->tree, "Show the scopes and their members where the server failed, or at the end");
    sub->add_option("--at", o->at, "Show the tree right after the event with this number")
        ->type_name("SEQ")
        ->check(whole_number(0, INT64_MAX));
    sub->add_option("--follow", o->follow, "Show only the events that concern one id")->type_name("ID");
    sub->add_flag("--explain", o->explain, "Show the steps that led to each violation");
    sub->add_flag("--stats", o->stats, "Count events by kind and actor, and show lifetimes and waits");
    sub->add_option("--filter", o->filter,
           "Show only the events that match, such as 'scope.* and not by control:*' or 'under scope:2'")
        ->type_name("EXPR");
    sub->add_flag("--watch", o->watch, "Print rows while the trace is being written, until its footer");
    sub->add_option("--export", o->export_format, "Convert the trace for another tool")
        ->check(one_of({"chrome", "perfetto", "otlp", "dot", "shiviz"}));
    sub->add_option("--output", o->output, "File for the export (default standard output)")->type_name("FILE");
    sub->add_flag("--markdown", o->markdown, "Print a bug report for the tracker of the server, as Markdown");
    auto* const html = sub->add_option("--html", o->html, "Write a page for browsers")->type_name("FILE");
    sub->add_option("--twin", o->twin, "Passing trace to show on that page, too")->type_name("TRACE")->needs(html);
    sub->callback([o, &chosen] { chosen = [o](output& out) { return inspect(*o, out); }; });
}

} // namespace shutdown_repro::cli
