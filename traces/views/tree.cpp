#include <algorithm>
#include <map>
#include <set>
#include "traces/views/cast.hpp"
#include "traces/views/phrase.hpp"
#include "traces/views/state.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t deepest_drawn = 12;  // levels of indentation; further ones are drawn there
constexpr std::size_t most_gone = 6;       // siblings in a row that are gone; more are counted

// What is known of the execution at the moment that is drawn.
struct moment {
    std::size_t end = 0;                   // events seen
    event const* stop = nullptr;           // what it stands at, when that is not the end
    model state;                           // with what the last event ended still in it
    std::map<ref, std::string> fate;       // how who is gone went, or what is known of who has no states
};

// Where the server failed; when it did not die of what went wrong, where the first rule was broken.
event const* failure_in(trace const& t, std::span<violation const> violations) {
    if (violations.empty()) return nullptr;
    std::set<seq_t> at;
    for (violation const& v : violations)
        if (v.level != severity::note) at.insert(v.at);
    auto const dies = [](event const& e) { return e.what == kind::assertion || e.what == kind::scope_access; };
    auto e = std::find_if(t.events.begin(), t.events.end(), dies);
    if (e == t.events.end()) e = std::find_if(t.events.begin(), t.events.end(), [&](event const& x) { return at.contains(x.seq); });
    return e == t.events.end() ? nullptr : &*e;
}

std::string fate_of(event const& e, std::string const& before) {
    switch (e.what) {
    case kind::server_ready: return "accepts";
    case kind::server_close: return "accepts no more";
    case kind::server_stopped: return "calls itself stopped";
    case kind::act_free: return (before.empty() ? "" : before + ", ") + "free() called at #" + std::to_string(e.seq);
    case kind::act_stop: return (before.empty() ? "" : before + ", ") + "stop() called at #" + std::to_string(e.seq);
    case kind::server_free: return "gone";
    case kind::scope_disposed: return "disposed";
    case kind::coroutine_finish: return printable(e.text("result", "finished"));
    case kind::request_finish: return printable(e.text("result", "over"));
    case kind::connection_open: return "open";
    case kind::connection_close: return "closed" + (e.text("how").empty() ? "" : ", " + printable(e.text("how")));
    case kind::client_done: return "has its whole response";
    case kind::client_closed: return "idle connection closed by the server";
    case kind::client_leave: return "closed its connection by itself";
    case kind::client_open: return "connection still open at the end";
    case kind::client_fail: return "failed" + (e.text("how").empty() ? "" : ": " + printable(e.text("how")));
    case kind::process_start: return "runs";
    case kind::process_exit: return phrase(e).substr(to_string(e.id).size() + 1);
    default: return before;
    }
}

moment replay(trace const& t, event const* stop) {
    moment now;
    now.stop = stop;
    for (event const& e : t.events) {
        if (now.end) now.state.forget(t.events[now.end - 1]);
        now.state.apply(e);
        ++now.end;
        if (e.id)
            if (std::string& fate = now.fate[e.id]; true) fate = fate_of(e, fate);
        if (&e == now.stop) return now;
    }
    if (now.end) now.state.forget(t.events.back());
    return now;
}

class drawing {
public:
    drawing(trace const& t, std::span<violation const> violations, look l, event const* stop)
        : look_(l), now_(replay(t, stop)), events_(t), cast_(t, now_.end) {
        for (violation const& v : violations)
            if (now_.stop && v.at <= now_.stop->seq) blamed_.insert(v.subject);
        find_requests(t);
    }

    std::string draw(trace const& t) {
        out_ = title(t) + "\n";
        auto const& all = cast_.in_order();
        for (std::size_t i = 0; i < all.size(); ++i)
            if (all[i].id.type == entity::server) line("", all[i]);
        scopes();
        for (member const& m : all) {
            bool const beside = shown_.contains(m.id);
            bool const wanted = m.id.type == entity::request || m.id.type == entity::connection || m.id.type == entity::client || m.id.type == entity::process;
            if (wanted && !beside) line("", m);
        }
        return out_;
    }

private:
    std::string title(trace const& t) const {
        if (t.events.empty()) return "no events";
        event const& last = t.events[now_.end - 1];
        std::string const when = "#" + std::to_string(last.seq) + ", " + milliseconds(elapsed(t.events.front().t, last.t)) + " ms";
        if (!now_.stop) return paint(look_, tint::strong, "at the end") + ", " + when;
        std::string const moment = "at " + when, text = wrap(moment + ": " + phrase(*now_.stop), look_.width, 2);
        return paint(look_, tint::strong, text.substr(0, moment.size())) + text.substr(moment.size());
    }

    // A request belongs to the scope that is named after it, or that was opened because of it.
    void find_requests(trace const& t) {
        for (std::size_t i = 0; i < now_.end; ++i) {
            event const& e = t.events[i];
            if (e.what != kind::scope_open) continue;
            ref const as_id = e.id_of("name");
            ref const named_after = as_id ? as_id : parse_ref(e.text("name")).value_or(ref{});
            if (named_after.type == entity::request) request_of_[e.id] = named_after;
            for (seq_t why : e.because)
                if (event const* begin = events_.find(why); begin && begin->what == kind::request_begin) request_of_.try_emplace(e.id, begin->id);
        }
    }

    bool gone(member const& m) const {
        if (m.id.type == entity::coroutine) return !now_.state.coroutines.find(m.id.number);
        if (m.id.type == entity::scope) return !now_.state.scopes.find(m.id.number);
        return m.over;
    }

    void scopes() {
        std::vector<member> nodes;
        for (member const& m : cast_.in_order())
            if (m.id.type == entity::scope || m.id.type == entity::coroutine) nodes.push_back(m);
        std::vector<bool> const last = last_siblings(nodes);
        std::vector<std::string> prefix{""}; // of the children of each depth
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            std::size_t const depth = std::min(nodes[i].depth, deepest_drawn);
            std::size_t const run = gone_run(nodes, i);
            prefix.resize(depth + 1);
            bool const closes = last[run > most_gone ? i + run - 1 : i];
            std::string const here = prefix[depth] + (closes ? "└ " : "├ ");
            if (run > most_gone) {
                out_ += paint(look_, tint::faint, here + "… " + std::to_string(run) + " that are gone") + "\n";
                i += run - 1;
                continue;
            }
            line(here, nodes[i]);
            prefix.push_back(prefix[depth] + (closes ? "  " : "│ "));
        }
    }

    static std::vector<bool> last_siblings(std::vector<member> const& nodes) {
        std::vector<bool> last(nodes.size()), more;
        for (std::size_t i = nodes.size(); i-- > 0;) {
            if (more.size() <= nodes[i].depth) more.resize(nodes[i].depth + 1);
            last[i] = !more[nodes[i].depth];
            more[nodes[i].depth] = true;
            more.resize(nodes[i].depth + 1);
        }
        return last;
    }

    // How many from here on are gone, together with all that stands in them, at this depth.
    std::size_t gone_run(std::vector<member> const& nodes, std::size_t from) const {
        std::size_t n = 0;
        while (from + n < nodes.size() && nodes[from + n].depth >= nodes[from].depth && gone(nodes[from + n])) ++n;
        return n;
    }

    std::string state(member const& m) const {
        std::string const live = state_of(m.id, now_.state);
        auto const known = now_.fate.find(m.id);
        std::string const fate = known == now_.fate.end() ? "" : known->second;
        if (m.id.type == entity::coroutine && live.empty()) return fate.empty() ? "removed" : fate + ", removed";
        return live.empty() ? fate : live;
    }

    void line(std::string const& before, member const& m) {
        std::string const about = state(m);
        std::string const name = m.name.empty() || m.name == to_string(m.id) ? "" : " " + m.name;
        std::string text = to_string(m.id) + name + (about.empty() ? "" : " · " + about);
        if (auto const r = request_of_.find(m.id); r != request_of_.end())
            if (member const* request = cast_.find(r->second)) {
                shown_.insert(request->id);
                text += " · " + (m.name == to_string(request->id) ? "" : to_string(request->id) + " ") + request->name + (request->name.empty() ? "" : " ") + state(*request);
            }
        bool const blamed = blamed_.contains(m.id);
        if (blamed) text += "  ✗";
        std::size_t const room = look_.width > columns(before) ? look_.width - columns(before) : 0;
        text = fit(text, room);
        bool const odd = about.find("zombie") != about.npos || about.find("not removed") != about.npos || about.find("pending") != about.npos;
        out_ += paint(look_, tint::faint, before);
        out_ += blamed ? paint(look_, tint::bad, text) : gone(m) ? paint(look_, tint::faint, text) : odd ? paint(look_, tint::warn, text) : text;
        out_ += "\n";
    }

    look look_;
    moment now_;
    event_index events_;
    cast cast_;
    std::set<ref> blamed_, shown_;
    std::map<ref, ref> request_of_;
    std::string out_;
};

} // namespace

std::string tree(trace const& t, std::span<violation const> violations, look l) { return drawing(t, violations, l, failure_in(t, violations)).draw(t); }

std::string tree_at(seq_t at, trace const& t, std::span<violation const> violations, look l) {
    return drawing(t, violations, l, event_index(t).find(at)).draw(t);
}

} // namespace shutdown_repro::traces
