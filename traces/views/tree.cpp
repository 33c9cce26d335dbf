#include <algorithm>
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/state.hpp"
#include "traces/views/pages.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t deepest_drawn = 12; // levels of indentation; deeper levels are drawn at this one
constexpr std::size_t most_gone = 6;      // consecutive siblings that have ended; more are only counted

bool dies(event const& e) { return e.what == kind::assertion || e.what == kind::scope_access; }

std::string fate_of(event const& e, std::string const& before) {
    switch (e.what) {
    case kind::server_ready: return "accepts";
    case kind::server_close: return "no longer accepts";
    case kind::server_stopped: return "stopped";
    case kind::act_free: return (before.empty() ? "" : before + ", ") + "free() called at #" + std::to_string(e.seq);
    case kind::act_stop: return (before.empty() ? "" : before + ", ") + "stop() called at #" + std::to_string(e.seq);
    case kind::server_free: return "freed";
    case kind::scope_disposed: return "disposed";
    case kind::coroutine_finish: return printable(e.text("result", "finished"));
    case kind::request_finish: return printable(e.text("result", "finished"));
    case kind::connection_open: return "open";
    case kind::connection_close: return "closed" + (e.text("how").empty() ? "" : ", " + printable(e.text("how")));
    case kind::client_done: return "has its complete response";
    case kind::client_closed: return "idle connection closed by the server";
    case kind::client_leave: return "closed its own connection";
    case kind::client_open: return "connection still open at the end";
    case kind::client_fail: return "failed" + (e.text("how").empty() ? "" : ": " + printable(e.text("how")));
    case kind::process_start: return "runs";
    case kind::process_exit: return phrase(e).substr(to_string(e.id).size() + 1);
    default: return before;
    }
}

std::vector<bool> last_siblings(std::vector<actor> const& nodes) {
    std::vector<bool> last(nodes.size()), more;
    for (std::size_t i = nodes.size(); i-- > 0;) {
        if (more.size() <= nodes[i].depth) more.resize(nodes[i].depth + 1);
        last[i] = !more[nodes[i].depth];
        more[nodes[i].depth] = true;
        more.resize(nodes[i].depth + 1);
    }
    return last;
}

} // namespace

void tree_page::survey(event const& e) { somebody_dies_ = somebody_dies_ || dies(e); }

void tree_page::draw_where_it_failed(std::span<violation const> violations) {
    violations_ = violations;
    dies_here_ = somebody_dies_ && !violations.empty();
    for (violation const& v : violations)
        if (v.level != severity::note) stops_.insert(v.at);
}

void tree_page::draw_after(seq_t at, std::span<violation const> violations) {
    violations_ = violations;
    stops_ = {at};
}

void tree_page::note(event const& e) {
    if (stop_) return;
    if (!first_) first_ = {e.seq, e.t};
    last_ = {e.seq, e.t};
    for (event const& before : before_.events) now_.forget(before);
    before_.clear();
    now_.apply(e);
    before_.append(e);
    actors_.note(e, noted_++);
    find_request(e);
    if (e.id)
        if (std::string& fate = fate_[e.id]; true) fate = fate_of(e, fate);
    if (dies_here_ ? dies(e) : stops_.contains(e.seq)) stop_ = phrase(e);
}

// Finds the request of a scope: the scope is named after it, or was opened because of it.
void tree_page::find_request(event const& e) {
    if (e.what == kind::request_begin) begun_.try_emplace(e.seq, e.id);
    if (e.what != kind::scope_open) return;
    ref const as_id = e.id_of("name");
    ref const named_after = as_id ? as_id : parse_ref(e.text("name")).value_or(ref{});
    if (named_after.type == entity::request) request_of_[e.id] = named_after;
    for (seq_t why : e.because)
        if (auto const begin = begun_.find(why); begin != begun_.end()) request_of_.try_emplace(e.id, begin->second);
}

std::string tree_page::text() {
    if (!stop_)
        for (event const& last : before_.events) now_.forget(last);
    if (stop_)
        for (violation const& v : violations_)
            if (v.at <= last_->seq) blamed_.insert(v.subject);
    actors_.arrange();
    out_ = title() + "\n";
    for (actor const& m : actors_.in_order())
        if (m.id.type == entity::server) line("", m);
    scopes();
    for (actor const& m : actors_.in_order()) {
        bool const wanted = m.id.type == entity::request || m.id.type == entity::connection ||
            m.id.type == entity::client || m.id.type == entity::process;
        if (wanted && !shown_.contains(m.id)) line("", m);
    }
    return std::move(out_);
}

std::string tree_page::title() const {
    if (!last_) return "no events";
    std::string const when =
        "#" + std::to_string(last_->seq) + ", " + milliseconds(elapsed(first_->t, last_->t)) + " ms";
    if (!stop_) return paint(style_, tint::strong, "at the end") + ", " + when;
    std::string const moment = "at " + when, text = wrap(moment + ": " + *stop_, style_.width, 2);
    return paint(style_, tint::strong, text.substr(0, moment.size())) + text.substr(moment.size());
}

bool tree_page::gone(actor const& m) const {
    if (m.id.type == entity::coroutine) return !now_.coroutines.find(m.id.number);
    if (m.id.type == entity::scope) return !now_.scopes.find(m.id.number);
    return m.over;
}

void tree_page::scopes() {
    std::vector<actor> nodes;
    for (actor const& m : actors_.in_order())
        if (m.id.type == entity::scope || m.id.type == entity::coroutine) nodes.push_back(m);
    std::vector<bool> const last = last_siblings(nodes);
    std::vector<std::string> prefix{""}; // prefix of the children at each depth
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        std::size_t const depth = std::min(nodes[i].depth, deepest_drawn);
        std::size_t const run = gone_run(nodes, i);
        prefix.resize(depth + 1);
        bool const closes = last[run > most_gone ? i + run - 1 : i];
        std::string const here = prefix[depth] + (closes ? "└ " : "├ ");
        if (run > most_gone) {
            out_ += paint(style_, tint::faint, here + "… " + std::to_string(run) + " that have ended") + "\n";
            i += run - 1;
            continue;
        }
        line(here, nodes[i]);
        prefix.push_back(prefix[depth] + (closes ? "  " : "│ "));
    }
}

// Returns how many nodes from here on, at this depth, have ended together with everything below them.
std::size_t tree_page::gone_run(std::vector<actor> const& nodes, std::size_t from) const {
    std::size_t n = 0;
    while (from + n < nodes.size() && nodes[from + n].depth >= nodes[from].depth && gone(nodes[from + n])) ++n;
    return n;
}

std::string tree_page::state(actor const& m) const {
    std::string const live = state_of(m.id, now_);
    auto const known = fate_.find(m.id);
    std::string const fate = known == fate_.end() ? "" : known->second;
    if (m.id.type == entity::coroutine && live.empty()) return fate.empty() ? "removed" : fate + ", removed";
    return live.empty() ? fate : live;
}

void tree_page::line(std::string const& before, actor const& m) {
    std::string const about = state(m);
    std::string const name = m.name.empty() || m.name == to_string(m.id) ? "" : " " + m.name;
    std::string text = to_string(m.id) + name + (about.empty() ? "" : " · " + about);
    if (auto const r = request_of_.find(m.id); r != request_of_.end())
        if (actor const* request = actors_.find(r->second)) {
            shown_.insert(request->id);
            text += " · " + (m.name == to_string(request->id) ? "" : to_string(request->id) + " ") + request->name +
                (request->name.empty() ? "" : " ") + state(*request);
        }
    bool const blamed = blamed_.contains(m.id);
    if (blamed) text += "  ✗";
    std::size_t const room = style_.width > columns(before) ? style_.width - columns(before) : 0;
    text = fit(text, room);
    bool const odd = about.find("zombie") != about.npos || about.find("not removed") != about.npos ||
        about.find("pending") != about.npos;
    out_ += paint(style_, tint::faint, before);
    out_ += blamed ? paint(style_, tint::bad, text)
        : gone(m)  ? paint(style_, tint::faint, text)
        : odd      ? paint(style_, tint::warn, text)
                   : text;
    out_ += "\n";
}

namespace {

std::string tree_of(tree_page& page, trace const& t) {
    for (event const& e : t.events) page.note(e);
    return page.text();
}

} // namespace

std::string tree(trace const& t, std::span<violation const> violations, text_style style) {
    tree_page page(style);
    for (event const& e : t.events) page.survey(e);
    page.draw_where_it_failed(violations);
    return tree_of(page, t);
}

std::string tree_at(seq_t at, trace const& t, std::span<violation const> violations, text_style style) {
    tree_page page(style);
    page.draw_after(at, violations);
    return tree_of(page, t);
}

} // namespace shutdown_repro::traces
