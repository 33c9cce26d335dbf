#include "server_under_test/worlds/sim_world.hpp"

#include <algorithm>
#include <cstring>
#include "server_under_test/worlds/frame_pool.hpp"
#include "traces/insist.hpp"

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;

// The server end of a connection.
class sim_stream final : public stream, public pooled {
public:
    sim_stream(sim_world& w, sim_socket& s) : on_(w), s_(&s) {}
    ~sim_stream() override { close(); }

    io_result read(std::span<char> into) override {
        std::size_t const n = std::min(into.size(), s_->to_server.size() - s_->taken_by_server);
        if (n == 0) {
            if (s_->from_client == sim_socket::end::reset) return {io::reset, 0};
            return {s_->from_client == sim_socket::end::fin ? io::eof : io::would_block, 0};
        }
        std::memcpy(into.data(), s_->to_server.data() + s_->taken_by_server, n);
        s_->taken_by_server += n;
        return {io::ok, n};
    }
    io_result write(std::string_view bytes) override {
        if (s_->from_client != sim_socket::end::open) return {io::reset, 0};
        s_->to_client.append(bytes);
        on_.tell_client(*s_);
        return {io::ok, bytes.size()};
    }
    void when_readable(work& w) override {
        s_->readable = &w;
        on_.offer_read(*s_);
    }
    void when_writable(work& w) override { // the buffer is unbounded, so it is writable at once
        s_->writable = &w;
        if (!std::exchange(s_->writable_queued, true))
            on_.becomes_possible(move::server_writes, s_->client->id(), {.socket = s_});
    }
    void shutdown_send() override {
        if (s_->from_server != sim_socket::end::open) return;
        s_->from_server = sim_socket::end::fin;
        on_.tell_client(*s_);
    }
    void close() override {
        if (s_) on_.close_from_server(*std::exchange(s_, nullptr));
    }

private:
    sim_world& on_;
    sim_socket* s_;
};

class sim_listener final : public listener, public pooled {
public:
    sim_listener(sim_world& w, std::uint16_t port) : on_(w), port_(port) { on_.listening_ = true; }
    ~sim_listener() override { close(); }
    std::unique_ptr<stream> accept() override {
        if (on_.backlog_.empty()) return nullptr;
        sim_socket& s = *on_.backlog_.front();
        on_.backlog_.erase(on_.backlog_.begin());
        s.server_has_it = true;
        return std::unique_ptr<stream>(new sim_stream(on_, s));
    }
    void when_acceptable(work& w) override {
        on_.acceptable_ = &w;
        on_.offer_accept();
    }
    std::uint16_t port() const override { return port_; }
    void close() override {
        if (!std::exchange(on_.listening_, false)) return;
        on_.acceptable_ = nullptr;
        on_.reset_backlog();
    }

private:
    sim_world& on_;
    std::uint16_t port_;
};

sim_world::sim_world(traces::recorder& r, traces::nanoseconds& clock) : world(r), clock_(clock) {}
sim_world::~sim_world() = default;

void sim_world::start(timer& t, traces::nanoseconds after) {
    timers_.arm(t, clock_ + std::max<traces::nanoseconds>(after, 0));
}

void sim_world::ask(question& q) {
    q.asked = true;
    becomes_possible(move::question_is_answered, q.whose, {.asked = &q});
}

void sim_world::withdraw(question& q) {
    if (std::exchange(q.asked, false)) impossible_if([&](outside const& o) { return o.asked == &q; });
}

std::unique_ptr<listener> sim_world::listen(std::uint16_t port, std::string& error) {
    if (listening_) {
        error = "port " + std::to_string(port) + " is in use (127.0.0.1)";
        return nullptr;
    }
    return std::make_unique<sim_listener>(*this, port ? port : std::uint16_t{8080});
}

void sim_world::die(std::string_view) {
    dead_ = true;
    trace.mute(); // a real process would not have run what is still on the stack
}

void sim_world::end_process() {
    if (std::exchange(ended_, true)) return;
    trace.unmute();
    ready.clear();
    timers_.clear();
    impossible_if([](outside const& o) { return o.asked != nullptr; });
    acceptable_ = nullptr;
    listening_ = false;
    reset_backlog();
    for (std::size_t i = 0; i < socket_count_; ++i)
        if (sockets_[i]->server_has_it) close_from_server(*sockets_[i]);
}

// --- what happens ----------------------------------------------------------------------------------------------------

void sim_world::becomes_possible(move what, traces::ref who, outside const& about) {
    possible_.push_back(about);
    offered_.push_back({what, who});
}

template <class F> void sim_world::impossible_if(F&& such) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < possible_.size(); ++i) {
        if (such(possible_[i])) continue;
        possible_[kept] = possible_[i];
        offered_[kept++] = offered_[i];
    }
    possible_.resize(kept);
    offered_.resize(kept);
}

std::vector<alternative>& sim_world::offer() {
    if (ready.empty() && !possible_.empty()) return offered_;
    other_.clear();
    if (!ready.empty()) other_.push_back({move::server_runs, {entity::server, 1}});
    else if (!timers_.empty()) other_.push_back({move::time_passes, {entity::world, 1}});
    return other_;
}

void sim_world::take(std::size_t choice) {
    if (work* w = ready.pop()) return w->run(*w);
    if (!possible_.empty()) {
        traces::insist(offered_.size() == possible_.size(), "what is offered is what is possible");
        traces::insist(choice < possible_.size(), "a choice is one of the alternatives that were offered");
        outside const about = possible_[choice];
        move const what = offered_[choice].what;
        possible_.erase(possible_.begin() + static_cast<std::ptrdiff_t>(choice));
        offered_.erase(offered_.begin() + static_cast<std::ptrdiff_t>(choice));
        return happens(what, about);
    }
    clock_ = std::max(clock_, timers_.next_due());
    timer& t = timers_.take_next();
    t.run(t);
}

void sim_world::happens(move what, outside const& about) {
    if (about.client) return about.client->act();
    traces::recorder::acting const as_world(trace, {entity::world, 1});
    if (about.asked) {
        about.asked->asked = false;
        return about.asked->run(*about.asked);
    }
    bool const reads = what == move::server_reads;
    work** const slot = !about.socket ? &acceptable_ : reads ? &about.socket->readable : &about.socket->writable;
    if (!about.socket) accept_offered_ = false;
    else (reads ? about.socket->readable_queued : about.socket->writable_queued) = false;
    if (work* w = std::exchange(*slot, nullptr)) w->run(*w);
}

void sim_world::offer_accept() {
    if (acceptable_ && !backlog_.empty() && !std::exchange(accept_offered_, true))
        becomes_possible(move::server_accepts, {entity::server, 1}, {});
}

void sim_world::offer_read(sim_socket& s) {
    bool const something = s.taken_by_server < s.to_server.size() || s.from_client != sim_socket::end::open;
    if (s.readable && something && !std::exchange(s.readable_queued, true))
        becomes_possible(move::server_reads, s.client->id(), {.socket = &s});
}

void sim_world::tell_client(sim_socket& s) {
    if (s.from_client == sim_socket::end::open && !std::exchange(s.client_queued, true)) will_act(*s.client);
}

void sim_world::withdraw(sim_socket const& s) {
    impossible_if([&](outside const& o) { return o.socket == &s; });
}

void sim_world::close_from_server(sim_socket& s) {
    s.server_has_it = false;
    s.readable = s.writable = nullptr;
    withdraw(s);
    bool const unread = s.taken_by_server < s.to_server.size();
    if (s.from_server == sim_socket::end::open || unread) {
        s.from_server = unread ? sim_socket::end::reset : sim_socket::end::fin;
        tell_client(s);
    }
}

void sim_world::reset_backlog() {
    for (sim_socket* s : backlog_) {
        s->from_server = sim_socket::end::reset;
        tell_client(*s);
    }
    backlog_.clear();
}

bool sim_world::server_waits() const {
    if (acceptable_) return true;
    for (std::size_t i = 0; i < socket_count_; ++i)
        if (sockets_[i]->readable || sockets_[i]->writable) return true;
    return false;
}

// --- clients ---------------------------------------------------------------------------------------------------------

void sim_world::will_act(sim_client& c) { becomes_possible(c.next_move(), c.id(), {.client = &c}); }

void sim_world::acts_otherwise(sim_client& c) {
    for (std::size_t i = 0; i < possible_.size(); ++i)
        if (possible_[i].client == &c) offered_[i].what = c.next_move();
}

sim_socket* sim_world::connect(sim_client& c) {
    if (!listening_) return nullptr;
    if (socket_count_ == sockets_.size()) sockets_.push_back(std::make_unique<sim_socket>());
    sim_socket& s = *sockets_[socket_count_++];
    s.client = &c;
    backlog_.push_back(&s);
    offer_accept();
    return &s;
}

void sim_world::send(sim_socket& s, std::string_view bytes) {
    s.to_server.append(bytes);
    if (!s.server_has_it && s.from_server != sim_socket::end::open && s.from_server != sim_socket::end::reset) {
        s.from_server = sim_socket::end::reset; // the server no longer reads from it
        return tell_client(s);
    }
    offer_read(s);
}

void sim_world::close_from_client(sim_socket& s) {
    s.from_client = sim_socket::end::fin;
    offer_read(s);
}

void sim_world::forget_waits() {
    ready.clear();
    timers_.clear();
    possible_.clear();
    offered_.clear();
}

void sim_world::clear() {
    forget_waits();
    backlog_.clear();
    for (std::size_t i = 0; i < socket_count_; ++i) {
        sim_socket& s = *sockets_[i];
        s.to_server.clear();
        s.to_client.clear();
        s.taken_by_server = 0;
        s.from_client = s.from_server = sim_socket::end::open;
        s.server_has_it = s.readable_queued = s.writable_queued = s.client_queued = false;
        s.readable = s.writable = nullptr;
        s.client = nullptr;
    }
    socket_count_ = 0;
    acceptable_ = nullptr;
    listening_ = accept_offered_ = dead_ = ended_ = false;
    clock_ = 0;
    trace.unmute();
}

} // namespace shutdown_repro::server
