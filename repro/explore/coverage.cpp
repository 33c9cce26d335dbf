#include "repro/explore/coverage.hpp"
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace shutdown_repro::repro {

using server::server_kind;

using traces::entity;
using traces::event;
using traces::kind;

namespace {

constexpr std::size_t order_bits = 1 << 21;
constexpr std::uint32_t nowhere = ~0u;

std::uint32_t waits_of(scenario const& s, std::uint32_t request) {
    return s.kind() == server_kind::scoped ? std::max(1u, s.scoped().handler(request).steps) : 1;
}

} // namespace

coverage::coverage(terrain const& t)
    : requests_(std::min(requests_of(*t.of), most_requests)),
      per_connection_(std::max(1u, t.of->per_connection)),
      phases_(requests_ + 1),
      now_(requests_ + 1),
      orders_(order_bits / 64) {
    for (std::uint32_t r = 1; r <= requests_; ++r) phases_[r] = waiting + waits_of(*t.of, r);
    for (auto& table : reached_) {
        table.resize(requests_ + 1);
        for (std::uint32_t r = 1; r <= requests_; ++r) table[r].resize(phases_[r]);
    }
    for (auto& steps : at_step_) steps.resize(std::max(1u, t.decisions));
}

void coverage::begin() {
    std::ranges::fill(now_, not_connected);
    handlers_.clear();
    for (auto& s : snapshot_) s.clear();
    step_ = 0;
    acted_at_[0] = acted_at_[1] = nowhere;
    order_ = 0;
}

void coverage::advance(std::uint32_t request, std::uint32_t to) {
    if (request > 0 && request <= requests_) now_[request] = to;
}

void coverage::note(event const& e) {
    auto const of_client = [&](std::uint32_t to) {
        for (std::uint32_t r = (e.id.number - 1) * per_connection_ + 1; r <= e.id.number * per_connection_; ++r)
            advance(r, to);
    };
    auto const named = [&] { return e.id_of("request").number; };
    switch (e.what) {
    case kind::client_connected: return of_client(connected);
    case kind::client_send: return advance(named(), sent);
    case kind::client_done:
    case kind::client_fail: return advance(named(), over);
    case kind::request_begin: return advance(e.id.number, begun);
    case kind::request_respond: return advance(e.id.number, answered);
    case kind::request_finish: return advance(e.id.number, finished);
    case kind::coroutine_spawn: {
        std::string_view const name = e.text("name");
        std::uint32_t request = 0;
        if (name.starts_with("handler of GET /")) std::from_chars(name.data() + 16, name.data() + name.size(), request);
        if (e.id.number >= handlers_.size()) handlers_.resize(e.id.number + 16);
        handlers_[e.id.number] = request;
        return;
    }
    case kind::coroutine_suspend: {
        std::uint32_t const request = e.id.number < handlers_.size() ? handlers_[e.id.number] : 0;
        if (request == 0 || request > requests_) return;
        std::uint32_t const before = now_[request];
        return advance(request, before < waiting ? waiting : std::min(before + 1, phases_[request] - 1));
    }
    case kind::act_stop:
    case kind::act_free: {
        auto& snapshot = snapshot_[e.what == kind::act_free];
        if (snapshot.empty()) snapshot = now_;
        return;
    }
    default: return;
    }
}

void coverage::decided(std::span<server::alternative const> offered, std::uint32_t choice) {
    server::alternative const& taken = offered[choice];
    if (is_stop(taken)) acted_at_[0] = std::min(acted_at_[0], step_);
    else if (is_free(taken)) acted_at_[1] = std::min(acted_at_[1], step_);
    else if (offered.size() > 1)
        order_ =
            (order_ ^ (static_cast<std::uint64_t>(taken.who.type) << 32 | taken.who.number)) * 0x9E3779B97F4A7C15u +
            static_cast<std::uint64_t>(taken.what);
    ++step_;
}

void coverage::end() {
    for (std::size_t which = 0; which < 2; ++which) {
        for (std::uint32_t r = 1; r < snapshot_[which].size(); ++r) reached_[which][r][snapshot_[which][r]] = true;
        if (acted_at_[which] < at_step_[which].size()) at_step_[which][acted_at_[which]] = true;
    }
    add_order(order_bit());
}

void coverage::add_order(std::uint32_t bit) {
    std::uint64_t const word = orders_[bit / 64] | std::uint64_t{1} << bit % 64;
    orders_set_ += word != orders_[bit / 64];
    orders_[bit / 64] = word;
}

std::uint32_t coverage::order_bit() const {
    return static_cast<std::uint32_t>((order_ ^ order_ >> 31) * 0xBF58476D1CE4E5B9u >> 43); // 21 bits
}

// For each execution: its order, and for stop and free the step, the number of requests and the phase of each.
void coverage::end(std::vector<std::uint32_t>& log) const {
    log.push_back(order_bit());
    for (std::size_t which = 0; which < 2; ++which) {
        log.push_back(acted_at_[which]);
        log.push_back(static_cast<std::uint32_t>(snapshot_[which].size()));
        log.insert(log.end(), snapshot_[which].begin(), snapshot_[which].end());
    }
}

void coverage::add(std::span<std::uint32_t const> log) {
    for (std::size_t i = 0; i < log.size();) {
        add_order(log[i++]);
        for (std::size_t which = 0; which < 2; ++which) {
            if (log[i] < at_step_[which].size()) at_step_[which][log[i]] = true;
            std::uint32_t const requests = log[i + 1];
            i += 2;
            for (std::uint32_t r = 1; r < requests; ++r) reached_[which][r][log[i + r]] = true;
            i += requests;
        }
    }
}

void coverage::add(coverage const& o) {
    for (std::size_t which = 0; which < 2; ++which) {
        for (std::uint32_t r = 1; r <= requests_; ++r)
            for (std::size_t p = 0; p < reached_[which][r].size(); ++p)
                reached_[which][r][p] = reached_[which][r][p] || o.reached_[which][r][p];
        for (std::size_t i = 0; i < at_step_[which].size(); ++i)
            at_step_[which][i] = at_step_[which][i] || o.at_step_[which][i];
    }
    for (std::size_t i = 0; i < orders_.size(); ++i)
        if (std::uint64_t const more = o.orders_[i] & ~orders_[i]) { // few words have any
            orders_[i] |= more;
            orders_set_ += static_cast<std::uint64_t>(std::popcount(more));
        }
}

coverage::moment coverage::phases() const {
    moment m;
    for (auto const& table : reached_)
        for (std::uint32_t r = 1; r <= requests_; ++r) {
            m.of += table[r].size();
            m.reached += static_cast<std::uint64_t>(std::ranges::count(table[r], true));
        }
    return m;
}

coverage::moment coverage::steps(std::size_t which) const {
    return {static_cast<std::uint64_t>(std::ranges::count(at_step_[which], true)), at_step_[which].size()};
}

std::string coverage::name(std::uint32_t request, std::uint32_t p) const {
    static constexpr std::string_view names[] = {
        "not connected", "connected", "sent", "begun", "answered", "finished", "over"};
    std::string text = "request:" + std::to_string(request) + " ";
    if (p < waiting) return text + std::string(names[p]);
    return text + (phases_[request] == waiting + 1 ? "waiting" : "in wait " + std::to_string(p - waiting + 1));
}

std::vector<std::string> coverage::never(std::size_t most) const {
    std::vector<std::string> all;
    for (std::size_t which = 0; which < 2; ++which)
        for (std::uint32_t r = 1; r <= requests_; ++r)
            for (std::uint32_t p = 0; p < reached_[which][r].size(); ++p)
                if (!reached_[which][r][p] && all.size() < most)
                    all.push_back(name(r, p) + (which ? " at free" : " at stop"));
    return all;
}

std::uint64_t coverage::orders() const {
    double const m = order_bits, empty = m - static_cast<double>(orders_set_);
    return empty < 1 ? order_bits : static_cast<std::uint64_t>(std::llround(m * std::log(m / empty)));
}

} // namespace shutdown_repro::repro
