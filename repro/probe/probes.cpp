// The probes. Each opens clients, observes when the stop may come, and acts after it.
#include <algorithm>
#include <array>
#include <utility>
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/probe/probe_run.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::int64_t hold_ms =
    400; // time after the stop when slow requests are answered; the listener is closed by then
constexpr std::int64_t half_ms = 300;      // time after the stop when the rest of a half request is sent
constexpr std::int64_t second_ms = 200;    // time between the first signal and the second
constexpr std::int64_t late_ms = 300;      // time after the stop when new connections should no longer be accepted
constexpr std::int64_t traffic_ms = 1'200; // time after the stop during which traffic continues
constexpr std::uint32_t most_traffic = 4;  // concurrent requests of the traffic

std::size_t count(probe_run& run, auto const& condition) {
    return static_cast<std::size_t>(std::ranges::count_if(run.clients(), [&](auto const& c) { return condition(*c); }));
}
bool all(probe_run& run, auto const& condition) { return count(run, condition) == run.clients().size(); }

// " with status 404", of the first client that was answered.
std::string status_in_words(probe_run& run) {
    for (auto const& c : run.clients())
        if (c->answered()) return " with status " + std::to_string(c->last_status());
    return {};
}

std::size_t count_waiting(probe_run& run) {
    return count(run, [](probe_client const& c) { return c.connected() && c.waits(); });
}

// Slow requests, and slow responses of which the beginning has arrived. They are completed a little after the stop.
class in_flight : public probe_script {
public:
    explicit in_flight(bool others_knock = true) : others_knock_(others_knock) {}
    void open(probe_run& run) override {
        target const& t = run.plan();
        for (std::uint32_t i = 0; i < run.connections(); ++i) {
            bool const stream = !t.slow_stream.empty() && (i % 2 || t.slow.empty());
            run.client(stream ? "stream-in-flight" : "in-flight").send(run.request(stream ? t.slow_stream : t.slow));
        }
    }
    bool in_place(probe_run& run) override { return held(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override { return held(run); }
    std::string missing(probe_run& run) const override {
        std::string const status = status_in_words(run);
        return "no request was in flight, because " +
            (status.empty() ? "the server has read none" : "the slow URL was answered at once" + status);
    }
    void after(probe_run& run) override {
        for (auto const& c : run.clients()) // kept connections are tested by another probe
            if (c->answered()) c->leave();
        if (others_knock_) knock(run);
        if (released_ || run.ms_since_stop() < hold_ms) return;
        released_ = true;
        if (run.backend()) run.backend()->release();
    }

private:
    // Returns the number of requests that the server has received and not answered. With a backend, a request counts
    // once it has reached the backend.
    static std::size_t held(probe_run& run) {
        std::size_t const begun = count(
            run, [](probe_client const& c) { return c.role() == "stream-in-flight" && c.waits() && c.got_bytes(); });
        auto const in_hands = [&](probe_client& c) {
            if (c.role() != "in-flight" || !c.waits() || !(run.backend() || run.has_read(c))) return false;
            c.process_events();
            return c.waits();
        };
        std::size_t const slow = count(run, in_hands);
        if (!run.backend()) return begun + slow;
        std::size_t const at_backend = run.backend()->held();
        return begun + std::min(slow, at_backend - std::min(at_backend, begun));
    }
    // Connects after the stop: a new client should be refused, and a readiness probe should fail.
    void knock(probe_run& run) {
        if (!run.server_runs() || run.ms_since_stop() < late_ms * (knocked_ + 1)) return;
        if (knocked_++ == 0) run.client("late").send(run.request(run.plan().path));
        if (run.plan().ready.http)
            run.client("readiness")
                .send({.method = run.plan().ready.http->method, .path = run.plan().ready.http->path});
    }

    bool const others_knock_;
    bool released_ = false;
    std::int64_t knocked_ = 0;
};

class wrong_signal final : public in_flight {
public:
    wrong_signal() : in_flight(false) {}
};

class second_signal final : public in_flight {
public:
    second_signal() : in_flight(false) {}
    void after(probe_run& run) override {
        if (!sent_ && run.ms_since_stop() >= second_ms) sent_ = run.server_runs() && run.signal_again();
        in_flight::after(run);
    }
    std::string undone(probe_run&) const override {
        return sent_ ? "" : "the second signal was never sent, because the server had exited";
    }

private:
    bool sent_ = false;
};

class half_request final : public probe_script {
public:
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i)
            run.client("half-request").send_half(run.request(run.plan().path));
    }
    bool in_place(probe_run& run) override { return enough(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override {
        return count(run, [&](probe_client const& c) { return c.sent() && run.has_read(c); });
    }
    std::string missing(probe_run&) const override { return "the server did not read half of a request"; }
    void after(probe_run& run) override {
        if (completed_ || run.ms_since_stop() < half_ms) return;
        completed_ = true;
        for (auto const& c : run.clients()) c->process_events();
        rests_ = count_waiting(run);
        for (auto const& c : run.clients()) c->send_rest();
    }
    std::string undone(probe_run&) const override {
        return rests_ ? "" : "the rest of the head was never sent, because the server had ended each connection";
    }

private:
    bool completed_ = false;
    std::size_t rests_ = 0;
};

// Connects and sends a request on each connection without waiting, as far as the kernel allows.
void burst(probe_run& run, bool frozen) {
    for (std::uint32_t i = 0; i < run.connections(); ++i) {
        probe_client& c = run.client("backlog");
        c.send(run.request(run.plan().path), frozen);
        c.process_events();
    }
}

class backlog_burst final : public probe_script {
public:
    void open(probe_run&) override {}
    bool in_place(probe_run&) override { return true; }
    std::size_t standing(probe_run& run) override { return count_waiting(run); }
    std::string missing(probe_run&) const override { return "no connection with a request stood"; }
    void stop(probe_run& run) override {
        burst(run, false);
        run.stop();
    }
};

class backlog_frozen final : public probe_script {
public:
    void open(probe_run&) override {}
    bool in_place(probe_run&) override { return true; }
    std::size_t standing(probe_run& run) override { return count_waiting(run); }
    std::string missing(probe_run&) const override { return "no connection with a request stood"; }
    void stop(probe_run& run) override {
        burst(run, run.freeze());
        run.stop();
        run.thaw();
    }
};

// Connections that received a response and are kept open.
class idle : public probe_script {
public:
    explicit idle(std::string_view role = "idle") : role_(role) {}
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i) run.client(role_).send(run.request(run.plan().path));
    }
    bool in_place(probe_run& run) override { return enough(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override {
        return count(run, [](probe_client const& c) { return c.answered() == 1 && !c.over(); });
    }
    bool clients_leave() const override { return true; }
    std::string missing(probe_run&) const override {
        return "no connection was idle, because the server closed each after its response";
    }

private:
    std::string_view const role_;
};

class keepalive_race final : public idle {
public:
    keepalive_race() : idle("keepalive") {}
    bool clients_leave() const override { return false; }
    void stop(probe_run& run) override {
        bool const held = run.freeze();
        for (auto const& c : run.clients()) c->send(run.request(run.plan().path), held);
        run.stop();
        run.thaw();
    }
    std::size_t standing(probe_run& run) override { return count_waiting(run); }
};

class silent final : public probe_script {
public:
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i) run.client("silent");
    }
    bool in_place(probe_run& run) override {
        return all(run, [&](probe_client const& c) { return c.connected() && run.accepted(c); });
    }
    // With TCP_DEFER_ACCEPT the server does not accept a connection without data, but the client is connected.
    std::size_t enough(probe_run& run) override {
        return count(run, [](probe_client const& c) { return c.connected() && !c.over(); });
    }
    bool clients_leave() const override { return true; }
    std::string missing(probe_run&) const override {
        return "no connection was silent, because the server closed each at once";
    }
};

class stream final : public probe_script {
public:
    void open(probe_run& run) override {
        for (std::uint32_t i = 0; i < run.connections(); ++i) {
            probe_request r = run.request(run.plan().stream);
            r.endless = true;
            run.client("stream").send(r);
        }
    }
    bool in_place(probe_run& run) override { return enough(run) == run.clients().size(); }
    std::size_t enough(probe_run& run) override {
        return count(run, [](probe_client const& c) { return c.waits() && c.got_bytes(); });
    }
    bool clients_leave() const override { return true; }
    std::string missing(probe_run& run) const override {
        std::string const status = status_in_words(run);
        return status.empty() ? "no endless response began" : "the endless response was answered" + status;
    }
};

// Requests that follow each other without a pause, on kept connections if the server keeps them.
class traffic final : public probe_script {
public:
    void open(probe_run& run) override {
        run.traffic(true);
        slots_.resize(std::min(run.connections(), most_traffic));
        go_on(run);
    }
    bool in_place(probe_run& run) override {
        go_on(run);
        return served_ >= 2 * slots_.size();
    }
    std::size_t standing(probe_run& run) override {
        go_on(run);
        return std::min(served_, count(run, [](probe_client const& c) { return c.waits() || !c.over(); }));
    }
    std::string missing(probe_run&) const override { return "no request of the traffic was answered"; }
    void after(probe_run& run) override {
        if (run.ms_since_stop() < ends_ms(run)) return go_on(run);
        if (!std::exchange(over_, true)) run.traffic(false);
        for (slot& s : slots_) s.client->leave();
    }

private:
    struct slot {
        probe_client* client = nullptr;
        bool turned_away = false; // refused by a closed listener; a real client would go to another server
    };
    // It goes on for longer than the stop takes without clients.
    static std::int64_t ends_ms(probe_run const& run) {
        std::int64_t const leaves = run.leave_ms().value_or(traffic_ms);
        return run.leaves_as_told() ? leaves : std::max(leaves, traffic_ms);
    }
    void go_on(probe_run& run) {
        for (slot& s : slots_) {
            if (s.turned_away || (s.client && !s.client->over() && (s.client->waits() || !s.client->connected())))
                continue;
            if (s.client) served_ += s.client->answered() > 0;
            if (s.client && s.client->over()) s.turned_away = !s.client->connected();
            if (s.turned_away) continue;
            if (!s.client || s.client->over()) s.client = &run.client("traffic");
            s.client->send(run.request(run.plan().path));
        }
    }
    std::vector<slot> slots_;
    std::size_t served_ = 0;
    bool over_ = false;
};

template <class P> std::unique_ptr<probe_script> make() { return std::make_unique<P>(); }

enum class need : std::uint8_t { nothing, slow, stream, signal };
struct row {
    probe_info info;
    need needs;
    std::unique_ptr<probe_script> (*make)();
};
constexpr row rows[] = {
    {{"in-flight", "slow requests and slow responses are in flight at the stop"}, need::slow, make<in_flight>},
    {{"half-request", "half of a request head is sent before the stop, the rest 0.3 s after it"}, need::nothing,
        make<half_request>},
    {{"backlog-burst", "clients connect and send at the moment of the stop"}, need::nothing, make<backlog_burst>},
    {{"backlog-frozen", "as backlog-burst, while SIGSTOP holds the server until the stop was sent"}, need::nothing,
        make<backlog_frozen>},
    {{"keepalive-race", "requests are sent on kept connections while SIGSTOP holds the server"}, need::nothing,
        make<keepalive_race>},
    {{"idle", "keep-alive connections are idle at the stop"}, need::nothing, make<idle>},
    {{"silent", "connections on which no byte was sent are open at the stop"}, need::nothing, make<silent>},
    {{"stream", "endless responses are in flight at the stop"}, need::stream, make<stream>},
    {{"traffic", "requests follow each other until 1.2 s after the stop"}, need::nothing, make<traffic>},
    {{"second-signal", "as in-flight, with a second signal 0.2 s after the stop"}, need::slow, make<second_signal>},
    {{"wrong-signal", "as in-flight, but stopped by a signal other than the graceful one"}, need::signal,
        make<wrong_signal>},
    {{"startup", "the server is stopped while it starts: after exec, and at each step that can be seen"}, need::nothing,
        [] { return std::unique_ptr<probe_script>(); }}, // see startup.hpp
};

row const& row_of(std::string_view name) {
    auto const found = std::ranges::find(rows, name, [](row const& r) { return r.info.name; });
    if (found != std::end(rows)) return *found;
    std::vector<std::string_view> names;
    for (row const& r : rows) names.push_back(r.info.name);
    throw input_error("unknown probe \"" + std::string(name) + "\"" + did_you_mean(name, names) + " (list probes)");
}

} // namespace

void probe_script::stop(probe_run& run) { run.stop(); }

std::span<probe_info const> all_probes() {
    static auto const all = [] {
        std::array<probe_info, std::size(rows)> infos;
        std::ranges::transform(rows, infos.begin(), &row::info);
        return infos;
    }();
    return all;
}

std::string why_not(target const& t, std::string_view probe) {
    if (t.program) return "it is a program that stops itself and has no probes; leave --probe out";
    need const needs = row_of(probe).needs;
    if (probe == "startup" && t.stop.by == target::stop_method::http)
        return "it is stopped by a request, which a server that starts can't take yet";
    bool const slow = needs == need::slow || needs == need::signal;
    if (slow && t.slow.empty() && t.slow_stream.empty())
        return "it has no slow URL; name one with --slow PATH, or with \"slow\" in the target file";
    if (needs == need::stream && t.stream.empty())
        return "it has no endless response; name one with --stream PATH, or with \"stream\" in the target file";
    return "";
}

std::vector<std::string> paths_of(target const& t, std::string_view probe) {
    need const needs = row_of(probe).needs;
    if (probe == "silent" || probe == "startup") return {}; // nobody asks for anything
    if (needs == need::nothing) return {t.path};
    if (needs == need::stream) return {t.stream};
    std::vector<std::string> paths;
    for (std::string const& path : {t.slow, t.slow_stream})
        if (!path.empty()) paths.push_back(path);
    return paths;
}

std::unique_ptr<probe_script> make_probe(std::string_view name) { return row_of(name).make(); }

} // namespace shutdown_repro::repro
