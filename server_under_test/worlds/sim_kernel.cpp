#include "server_under_test/worlds/sim_kernel.hpp"
#include <algorithm>
#include <cstring>
#include <utility>

namespace shutdown_repro::server {

sim_kernel::sim_kernel(traces::recorder& r, traces::nanoseconds& clock, decision_source& decide,
    traces::nanoseconds cap, std::uint64_t most_polls, std::uint64_t most_events)
    : polling_world(r),
      clock_(clock),
      decide_(decide),
      cap_(cap),
      most_polls_(most_polls),
      most_events_(most_events) {}

descriptor sim_kernel::add(socket s) {
    sockets_.push_back(std::move(s));
    return first_descriptor + static_cast<descriptor>(sockets_.size()) - 1;
}

descriptor sim_kernel::listen(std::uint16_t& port, std::string& error) {
    if (port == 0) port = 8080;
    if (std::ranges::any_of(sockets_, [&](socket const& s) { return s.open && s.port == port; })) {
        error = "port " + std::to_string(port) + " is in use (127.0.0.1)";
        return no_descriptor;
    }
    socket s;
    s.port = port;
    return add(std::move(s));
}

// The server's end gets its handle when the connection is accepted.
descriptor sim_kernel::connect(std::uint16_t port) {
    auto const l = std::ranges::find_if(sockets_, [&](socket const& s) { return s.open && s.port == port; });
    if (l == sockets_.end()) return no_descriptor;
    auto const listening = first_descriptor + static_cast<descriptor>(l - sockets_.begin());
    descriptor const client = add({});
    at(listening).backlog.push_back(client);
    return client;
}

descriptor sim_kernel::accept(descriptor listening) {
    auto& waiting = at(listening).backlog;
    if (waiting.empty()) return no_descriptor;
    descriptor const client = waiting.front();
    waiting.erase(waiting.begin());
    descriptor const accepted = add({});
    socket &ours = at(accepted), &theirs = at(client);
    ours.peer = client;
    theirs.peer = accepted;
    ours.unread = std::move(theirs.early);
    ours.ended = !theirs.open;
    return accepted;
}

io_result sim_kernel::read(descriptor h, std::span<char> into) {
    socket& s = at(h);
    if (s.unread.empty()) return {s.ended ? io::eof : s.reset ? io::reset : io::would_block, 0};
    std::size_t const n = std::min(into.size(), s.unread.size());
    std::memcpy(into.data(), s.unread.data(), n);
    s.unread.erase(0, n);
    return {io::ok, n};
}

io_result sim_kernel::write(descriptor h, std::string_view bytes) {
    socket& s = at(h);
    if (s.reset) return {io::reset, 0};
    if (s.peer == no_descriptor) s.early += bytes;
    else if (at(s.peer).open) at(s.peer).unread += bytes;
    else s.reset = true; // the peer is closed, so its kernel answers with a reset
    return {io::ok, bytes.size()};
}

void sim_kernel::close(descriptor h) {
    socket& s = at(h);
    s.open = false;
    for (descriptor const waiting : s.backlog) at(waiting).reset = true;
    s.backlog.clear();
    if (s.peer == no_descriptor) return;
    (s.unread.empty() ? at(s.peer).ended : at(s.peer).reset) = true;
}

bool sim_kernel::check_readiness(interest& i) {
    socket const& s = at(i.on);
    bool const told_unasked = s.reset || (s.ended && i.read);
    i.readable = told_unasked || (i.read && (!s.unread.empty() || !s.backlog.empty()));
    i.writable = i.write && s.port == 0;
    return i.readable || i.writable;
}

bool sim_kernel::poll(std::span<interest> asked, std::int64_t milliseconds) {
    if (clock_ != std::exchange(instant_, clock_)) polls_at_instant_ = 0;
    if (++polls_at_instant_ > most_polls_) reached_ = limit::polls;
    else if (trace.next() > most_events_) reached_ = limit::events;
    if (reached_ != limit::none) return false;
    if (!signals_.empty()) return true;
    bool ready = false;
    for (interest& i : asked) ready |= check_readiness(i);
    if (!ready) clock_ = std::min(cap_, clock_ + milliseconds * traces::millisecond);
    if (clock_ >= cap_) reached_ = limit::cap;
    return reached_ == limit::none;
}

void sim_kernel::send_signal(int number, traces::seq_t because) {
    if (!std::ranges::count(signals_, number, &arrived_signal::number)) signals_.push_back({number, because});
}

arrived_signal sim_kernel::take_signal() {
    if (signals_.empty()) return {};
    arrived_signal const first = signals_.front();
    signals_.erase(signals_.begin());
    return first;
}

} // namespace shutdown_repro::server
