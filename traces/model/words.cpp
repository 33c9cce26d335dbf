// What the model says of an entity in words, for people.
#include <charconv>
#include <iterator>
#include <utility>
#include "traces/model/model.hpp"

namespace shutdown_repro::traces {
namespace {

// Builds a line for people in place, because an exploration judges thousands of failing executions a second.
class line_of {
public:
    explicit line_of(ref who) {
        text_.reserve(128);
        text_ += to_string(who);
    }
    // ", item", or "   item" right after the id.
    void add(std::string_view item, seq_t at = no_seq) {
        text_.append(first_ ? "   " : ", ").append(item);
        first_ = false;
        if (at != no_seq) number(at);
    }
    void number(seq_t at) {
        char digits[24];
        text_.append("#").append(digits, std::to_chars(digits, std::end(digits), at).ptr);
    }
    void append(std::string_view more) { text_ += more; }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
    bool first_ = true;
};

void describe(line_of& line, coroutine_state const& c) {
    if (c.spawned != no_seq) line.add("spawned at ", c.spawned);
    if (c.finished != no_seq) {
        line.add("finished at ", c.finished);
        return line.add(
            c.suspended != no_seq && c.suspended > c.finished ? "its completion hook still runs" : "not yet removed");
    }
    if (c.zombie) line.add("a zombie");
    else if (c.cancel_requested != no_seq) line.add("cancel pending since ", c.cancel_requested);
    if (c.suspended != no_seq) {
        line.add("suspended");
        if (!c.waits_on.empty()) {
            line.append(" on ");
            line.append(c.waits_on);
        }
        line.append(" since ");
        line.number(c.suspended);
    } else {
        line.add(c.started == no_seq ? "queued, never ran" : "running");
    }
}

void describe(line_of& line, scope_state const& s) {
    if (s.opened != no_seq) line.add("opened at ", s.opened);
    if (s.cancelled != no_seq) line.add("cancelled at ", s.cancelled);
    if (s.closed != no_seq) line.add("closed at ", s.closed);
    if (s.disposing != no_seq) line.add("being disposed since ", s.disposing);
    else line.add("not disposed");
}

void describe(line_of& line, request_state const& r) {
    if (r.begun != no_seq) line.add("begun at ", r.begun);
    if (r.responded == no_seq) return line.add("not answered");
    line.add("answered at ", r.responded);
    line.append(", not finished");
}

void describe(line_of& line, timer_state const& t) {
    line.add("set at ", t.armed);
    if (t.by) line.append(" by " + to_string(t.by));
}
} // namespace

std::string_view model::name(ref r) const {
    auto const name_in = [&](auto const& set) -> std::string_view {
        auto const* found = set.find(r.number);
        return found ? std::string_view(found->name) : std::string_view();
    };
    switch (r.type) {
    case entity::server: return name_in(servers);
    case entity::scope: return name_in(scopes);
    case entity::coroutine: return name_in(coroutines);
    case entity::request: return name_in(requests);
    case entity::timer: return name_in(timers);
    default: return {};
    }
}

std::string model::describe(ref r) const {
    if (!words) return {};
    std::string_view const n = name(r);
    return n.empty() ? to_string(r) : std::string(n);
}

std::string model::label(ref r) const {
    if (!words) return {};
    std::string_view const n = name(r);
    std::string out = to_string(r);
    if (!n.empty()) out.append(" (").append(n).append(")");
    return out;
}

std::string model::who(ref r) const {
    if (!words) return {};
    line_of line(r);
    if (std::string_view const n = name(r); !n.empty()) line.add(n);
    if (auto const* c = r.type == entity::coroutine ? coroutines.find(r.number) : nullptr) traces::describe(line, *c);
    if (auto const* s = r.type == entity::scope ? scopes.find(r.number) : nullptr) traces::describe(line, *s);
    if (auto const* q = r.type == entity::request ? requests.find(r.number) : nullptr) traces::describe(line, *q);
    if (auto const* t = r.type == entity::timer ? timers.find(r.number) : nullptr) traces::describe(line, *t);
    return line.take();
}
} // namespace shutdown_repro::traces
