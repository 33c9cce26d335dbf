#include "traces/join.hpp"
#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>
#include <vector>

namespace shutdown_repro::traces {

namespace {

// An event that is a cause in the other trace, with its request.
struct link {
    kind what;
    std::uint32_t request;
    friend bool operator==(link const&, link const&) = default;
};
struct link_hash {
    std::size_t operator()(link const& l) const noexcept { return static_cast<std::size_t>(l.what) << 32 ^ l.request; }
};

std::uint32_t request_of(event const& e) {
    ref const named = e.id.type == entity::request ? e.id : e.id_of("request");
    return named.type == entity::request ? named.number : 0;
}

// Returns the event in the other trace that must come first.
std::optional<link> cause_of(event const& e) {
    if (e.what == kind::request_begin) return link{kind::client_send, request_of(e)};
    if (e.what == kind::client_receive) return link{kind::request_respond, request_of(e)};
    return std::nullopt;
}

bool is_cause(event const& e) { return e.what == kind::client_send || e.what == kind::request_respond; }

// The events of one trace, taken from the front.
class trace_queue {
public:
    explicit trace_queue(trace const& from) : from_(from) {
        new_seq_.reserve(from.events.size());
        for (event const& e : from.events)
            if (is_cause(e)) ++ahead_[{e.what, request_of(e)}];
    }
    bool empty() const { return new_seq_.size() == from_.events.size(); }
    event const& front() const { return from_.events[new_seq_.size()]; }
    bool still_has(link const& l) const {
        auto const found = ahead_.find(l);
        return found != ahead_.end() && found->second > 0;
    }
    void pop(seq_t now_called) {
        event const& e = front();
        if (is_cause(e)) --ahead_[{e.what, request_of(e)}];
        new_seq_.push_back(now_called);
    }
    // Returns the new number of an event. Numbers ascend within a trace, but may have gaps.
    std::optional<seq_t> renumbered(seq_t old) const {
        auto const end = from_.events.begin() + static_cast<std::ptrdiff_t>(new_seq_.size());
        auto const found =
            std::lower_bound(from_.events.begin(), end, old, [](event const& e, seq_t s) { return e.seq < s; });
        if (found == end || found->seq != old) return std::nullopt;
        return new_seq_[static_cast<std::size_t>(found - from_.events.begin())];
    }

private:
    trace const& from_;
    std::vector<seq_t> new_seq_;                               // new numbers of the events taken so far
    std::unordered_map<link, std::uint32_t, link_hash> ahead_; // numbers of causes not yet taken
};

bool waits_for(trace_queue const& effect, trace_queue const& other) {
    auto const cause = cause_of(effect.front());
    return cause && other.still_has(*cause);
}

trace_queue& next_of(trace_queue& a, trace_queue& b) {
    if (a.empty()) return b;
    if (b.empty()) return a;
    bool const a_waits = waits_for(a, b), b_waits = waits_for(b, a);
    if (a_waits != b_waits) return a_waits ? b : a;
    return b.front().t < a.front().t ? b : a; // if both wait, the traces are wrong, but the loop has to end
}

} // namespace

trace join(trace const& server, trace const& seen) {
    trace joined;
    for (trace const* from : {&server, &seen})
        joined.problems.insert(joined.problems.end(), from->problems.begin(), from->problems.end());
    trace_queue of_server(server), of_seen(seen);
    std::unordered_map<link, seq_t, link_hash> causes; // the last event of each, in the joined trace
    std::vector<seq_t> because;
    nanoseconds t = std::numeric_limits<nanoseconds>::min();
    for (seq_t seq = 0; !of_server.empty() || !of_seen.empty(); ++seq) {
        trace_queue& from = next_of(of_server, of_seen);
        event e = from.front();
        because.clear();
        for (seq_t const old : e.because)
            if (auto const renamed = from.renumbered(old)) because.push_back(*renamed);
        if (auto const cause = cause_of(e))
            if (auto const known = causes.find(*cause);
                known != causes.end() && std::find(because.begin(), because.end(), known->second) == because.end())
                because.push_back(known->second);
        e.because = because;
        e.seq = seq;
        e.t = t = std::max(t, e.t);
        if (is_cause(e)) causes[{e.what, request_of(e)}] = seq;
        from.pop(seq);
        joined.append(e);
    }
    return joined;
}

} // namespace shutdown_repro::traces
