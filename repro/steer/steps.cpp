#include "repro/steer/steps.hpp"
#include <algorithm>
#include <optional>
#include <vector>

namespace shutdown_repro::repro::steer {

using traces::field;
using traces::kind;

namespace {

// The kind of event that says what a step on a connection does; nothing for those that have none.
std::optional<kind> kind_of_step(held_call const& c, io_look const& look) {
    if (look.verb == "read") return kind::connection_read;
    if (look.verb == "write") return kind::connection_write;
    if (look.verb == "close" && c.on.connection) return kind::connection_close;
    return std::nullopt;
}

std::string keys_of(std::span<ready_event const> events) {
    std::string text;
    for (ready_event const& e : events) text += (text.empty() ? "" : " ") + e.key();
    return text;
}

} // namespace

std::string steps::what(held_call const& c, io_look const& look) {
    return (c.kind == call_kind::exit ? to_string(c.process) : c.on.name()) + "." + look.verb;
}

std::string steps::what(traces::ref process, std::span<ready_event const> events) {
    bool const steered = std::ranges::any_of(events, [](ready_event const& e) { return e.what.steered(); });
    return to_string(process) + (steered ? ".told" : events.empty() ? ".timeout" : ".told-other");
}

std::string steps::next(std::string const& what) const {
    auto const at = taken_.find(what);
    return what + "#" + std::to_string(at == taken_.end() ? 1 : at->second + 1);
}

std::string steps::take(std::string const& what) { return what + "#" + std::to_string(++taken_[what]); }

void steps::emit(kind what, traces::ref id, traces::ref by, std::span<field const> detail) {
    clock_ = traces::monotonic_now();
    traces::recorder::acting const as_process(record_, by);
    record_.emit(what, id, {}, detail);
}

void steps::io(held_call const& c, io_look const& look, endpoint const& accepted) {
    std::string const name = take(what(c, look)), peer = c.on.name(), new_peer = accepted.name();
    std::vector<field> detail;
    if (accepted.connection) {
        detail = {{"step", name}, {"peer", new_peer}};
        return emit(kind::connection_open, accepted.connection, c.process, detail);
    }
    if (auto const is = kind_of_step(c, look)) {
        asked_request const asked = c.on.is == endpoint::role::client ? request_of_(c.on.number) : asked_request{};
        bool const closes = *is == kind::connection_close;
        if (closes) detail = {{"how", look.unread ? "reset" : "fin"}};
        else detail = {{"bytes", look.bytes}};
        if (!closes && asked.id) detail.push_back({"request", asked.id});
        detail.push_back({"step", name});
        detail.push_back({"peer", peer});
        if (look.unread) detail.push_back({"unread", look.unread});
        if (look.unread && asked.bytes && look.unread >= asked.bytes) detail.push_back({"unread_request", asked.id});
        return emit(*is, c.on.connection, c.process, detail);
    }
    detail = {{"step", name}};
    std::string const status = "status " + std::to_string(c.asked.args[0] & 0xff);
    if (c.kind == call_kind::exit) detail.push_back({"detail", status});
    emit(kind::process_step, c.process, c.process, detail);
}

void steps::told(traces::ref process, std::span<ready_event const> events) {
    std::string const name = take(what(process, events)), keys = keys_of(events);
    field const detail[] = {{"step", name}, {"detail", keys}};
    emit(kind::process_step, process, process, std::span(detail).first(keys.empty() ? 1 : 2));
}

void steps::of_process(traces::ref process, std::string_view verb, std::string_view detail) {
    std::string const name = take(to_string(process) + "." + std::string(verb));
    field const all[] = {{"step", name}, {"detail", detail}};
    emit(kind::process_step, process, process, std::span(all).first(detail.empty() ? 1 : 2));
}

void steps::quiet(std::string_view what_follows) {
    std::string const name = take("quiet");
    field const detail[] = {{"step", name}, {"detail", what_follows}};
    emit(kind::process_step, {traces::entity::process, 1}, {}, detail);
}

} // namespace shutdown_repro::repro::steer
