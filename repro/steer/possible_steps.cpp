#include "repro/steer/possible_steps.hpp"
#include <algorithm>
#include <poll.h>
#include <set>
#include <tuple>
#include <utility>

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::uint64_t many_in_vain = 20;

std::string_view word_of(call_kind k) {
    switch (k) {
    case call_kind::accept: return "accept";
    case call_kind::read: return "read";
    case call_kind::write: return "write";
    case call_kind::connect: return "connect";
    case call_kind::close: return "close";
    case call_kind::shutdown: return "shutdown";
    case call_kind::exit: return "exit";
    default: return "wait";
    }
}

bool would_block(held_call const& c) {
    if (!c.blocks_on) return false;
    pollfd p{c.blocks_on.get(), POLLIN, 0};
    return poll(&p, 1, 0) <= 0;
}

std::string label_of(held_call const& c, std::vector<ready_event> const& events) {
    std::string label = to_string(c.process) + (events.empty() ? ": timeout" : " is told of");
    for (ready_event const& e : events) label += " " + e.key();
    return label;
}

bool is_steered(ready_event const& e) { return e.what.steered(); }

// All at once first. Then each connection alone: its bytes may have arrived before those of the others.
void add_tellings(held_call& c, std::vector<ready_event> const& ready, std::vector<possible_step>& to) {
    to.push_back({&c, ready, label_of(c, ready)});
    if (std::ranges::count_if(ready, is_steered) < 2) return;
    for (ready_event const& e : ready)
        if (is_steered(e)) to.push_back({&c, {e}, label_of(c, {e})});
}

} // namespace

std::vector<possible_step> step_order::possible(supervisor& of) {
    std::vector<possible_step> calls, tellings, timeouts;
    std::set<std::pair<int, int>> told; // of an epoll for which several threads of a process wait, the first is told
    for (held_call* const c : of.held()) {
        if (!c->wait) {
            std::string const who = c->kind == call_kind::exit ? to_string(c->process) : c->on.name();
            if (!would_block(*c)) calls.push_back({c, {}, who + "." + std::string(word_of(c->kind))});
            continue;
        }
        if (c->wait->epoll() >= 0 && !told.insert({c->pid, c->wait->epoll()}).second) continue;
        std::vector<ready_event> const ready = c->wait->ready();
        if (!ready.empty()) add_tellings(*c, ready, tellings);
        else if (c->wait->deadline <= traces::monotonic_now()) timeouts.push_back({c, {}, label_of(*c, {})});
    }
    std::ranges::stable_sort(calls, {}, &possible_step::label);
    std::ranges::stable_sort(tellings, {},
        [this](possible_step const& s) { return std::tuple(s.call->process.number, in_vain_[s.call->asked.tid]); });
    // A process that is told again and again of something that it does not take waits for something else.
    if (calls.empty() && told_in_vain_ > many_in_vain && !timeouts.empty()) return timeouts;
    std::ranges::move(tellings, std::back_inserter(calls));
    return calls.empty() ? timeouts : calls;
}

void step_order::took(possible_step const& s) {
    bool const in_vain = s.call->wait && !s.events.empty() && std::ranges::none_of(s.events, is_steered);
    if (!in_vain) {
        told_in_vain_ = 0;
        return in_vain_.clear();
    }
    ++told_in_vain_;
    ++in_vain_[s.call->asked.tid];
}

} // namespace shutdown_repro::repro::steer
