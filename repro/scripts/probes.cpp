// The probes. Each opens clients, observes when the stop may come, and acts after it.
#include <algorithm>
#include <array>
#include <utility>
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/probe/probe_run.hpp"
#include "repro/scripts/late_clients.hpp"
#include "repro/scripts/script_tools.hpp"
#include "repro/scripts/scripts.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::int64_t half_ms = 300;      // time after the stop when the rest of a half request is sent
constexpr std::int64_t traffic_ms = 1'200; // time after the stop during which traffic continues
constexpr std::uint32_t most_traffic = 4;  // concurrent requests of the traffic

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
        late_.knock(run);
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
    late_clients late_;
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

// Requests that come at the moment of the stop, and not before.
class backlog : public probe_script {
public:
    void open(probe_run&) override {}
    bool in_place(probe_run&) override { return true; }
    std::size_t standing(probe_run& run) override { return count_waiting(run); }
    std::string missing(probe_run&) const override { return "no connection with a request stood"; }
};

class backlog_burst final : public backlog {
public:
    void stop(probe_run& run) override {
        burst(run, false);
        run.stop();
    }
    bool tries_again(probe_run& run) override {
        burst(run, false);
        return true;
    }
};

class backlog_frozen final : public backlog {
public:
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
    void after(probe_run& run) override { late_.knock(run); }

private:
    std::string_view const role_;
    late_clients late_;
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
    void after(probe_run&) override {}
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
    void after(probe_run& run) override { late_.knock(run); }

private:
    late_clients late_{false}; // what the server speaks is not known here
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
    void after(probe_run& run) override { late_.knock(run); }

private:
    late_clients late_;
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
        late_.knock(run);
        if (run.ms_since_stop() < ends_ms(run)) return go_on(run);
        if (!std::exchange(over_, true)) run.traffic(false);
        for (slot& s : slots_) // who is owed a response waits for it
            if (!s.client->waits()) s.client->leave();
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
    late_clients late_;
    std::vector<slot> slots_;
    std::size_t served_ = 0;
    bool over_ = false;
};

template <class P> std::unique_ptr<probe_script> make() { return std::make_unique<P>(); }

enum class need : std::uint8_t { nothing, path, slow, slow_or_stream, stream, upload, large, delay };
struct row {
    probe_info info;
    need needs;
    std::unique_ptr<probe_script> (*make)();
};
constexpr probe_grade strict = probe_grade::strict;
constexpr row rows[] = {
    {{"in-flight", "slow requests and slow responses are in flight at the stop"}, need::slow_or_stream, make_in_flight},
    {{"answered", "requests are answered and their clients have left; the effects of the stop are judged"}, need::path,
        make_answered},
    {{"upload", "half of a request body is read before the stop, the rest is sent 0.3 s after it"}, need::upload,
        make_upload},
    {{"expect", "clients that were told 100 Continue send their body 0.3 s after the stop", strict}, need::upload,
        make_expect},
    {{"slow-reader", "a large response is read slowly across the stop"}, need::large, make_slow_reader},
    {{"kept", "as in-flight, but clients keep their connections after the answers, and ask for nothing"},
        need::slow_or_stream, make_kept},
    {{"second-request", "a second request is sent on kept connections after the stop"}, need::path,
        make_second_request},
    {{"half-request", "half of a request head is sent before the stop, the rest 0.3 s after it", strict}, need::path,
        make<half_request>},
    {{"backlog-burst", "clients connect and send at the moment of the stop", strict}, need::path, make<backlog_burst>},
    {{"backlog-frozen", "as backlog-burst, while SIGSTOP holds the server until the stop was sent", strict}, need::path,
        make<backlog_frozen>},
    {{"keepalive-race", "requests are sent on kept connections while SIGSTOP holds the server", strict}, need::path,
        make<keepalive_race>},
    {{"idle", "keep-alive connections are idle at the stop"}, need::path, make<idle>},
    {{"silent", "connections on which no byte was sent are open at the stop", strict}, need::nothing, make<silent>},
    {{"stream", "endless responses are in flight at the stop"}, need::stream, make<stream>},
    {{"traffic", "requests follow each other until 1.2 s after the stop"}, need::path, make<traffic>},
    {{"overlap", "slow requests overlap without a gap, also for some time after the stop"}, need::slow, make_overlap},
    {{"drain-delay", "new clients come while the server goes on accepting on purpose, and a little longer"},
        need::delay, make_drain_delay},
    {{"second-signal", "as in-flight, with a second signal 0.2 s after the stop", strict}, need::slow_or_stream,
        make_second_signal},
    {{"wrong-signal", "as in-flight, but stopped by a signal other than the graceful one", strict},
        need::slow_or_stream, make_wrong_signal},
    {{"startup", "the server is stopped while it starts: after exec, and at each step that can be seen", strict},
        need::nothing, [] { return std::unique_ptr<probe_script>(); }}, // see startup.hpp
};

row const& row_of(std::string_view name) {
    auto const found = std::ranges::find(rows, name, [](row const& r) { return r.info.name; });
    if (found != std::end(rows)) return *found;
    std::vector<std::string_view> names;
    for (row const& r : rows) names.push_back(r.info.name);
    throw input_error("unknown probe \"" + std::string(name) + "\"" + did_you_mean(name, names) + " (list probes)");
}

// Returns why the probe makes no sense when the act is not a stop; "" when it does.
std::string why_not_in_act(target const& t, std::string_view probe) {
    act_kind const act = t.act.what;
    static constexpr std::string_view across[] = {"in-flight", "half-request", "idle", "silent", "stream"};
    bool const alone = act == act_kind::recycle || act == act_kind::none;
    bool const fits = act == act_kind::stop || probe == "traffic" || (!alone && std::ranges::count(across, probe));
    return fits ? "" : "it is about a stop, and the act is " + std::string(name_of(act)) + "; use --probe traffic";
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

std::string_view name_of(probe_grade g) { return g == probe_grade::strict ? "strict" : "default"; }

probe_grade grade_of(std::string_view probe) { return row_of(probe).info.grade; }

std::string why_not(target const& t, std::string_view probe) {
    if (t.program) return "it is a program that stops itself and has no probes; leave --probe out";
    if (probe == "startup" && t.stop.by == target::stop_method::http)
        return "it is stopped by a request, which a server that starts can't take yet";
    if (std::string const why = why_not_in_act(t, probe); !why.empty()) return why;
    switch (row_of(probe).needs) {
    case need::nothing:
    case need::path: return "";
    case need::slow_or_stream:
        if (!t.slow_stream.empty()) return "";
        [[fallthrough]];
    case need::slow:
        if (!t.slow.empty()) return "";
        return "it has no slow URL; name one with --slow PATH, or with \"slow\" in the target file";
    case need::stream:
        if (!t.stream.empty()) return "";
        return "it has no endless response; name one with --stream PATH, or with \"stream\" in the target file";
    case need::upload:
        if (!t.upload.empty()) return "";
        return "it takes no upload; name one with --upload PATH, or with \"upload\" in the target file";
    case need::large:
        if (!t.large.empty()) return "";
        return "it has no large response; name one with --large PATH, or with \"large\" in the target file";
    case need::delay:
        if (t.accepts_for_ms) return "";
        return "it does not go on accepting after the stop; if it does on purpose, say how long with --accepts-for MS, "
               "or with \"accepts_for_ms\" in the target file";
    }
    return "";
}

std::vector<target::http_request> requests_of(target const& t, std::string_view probe) {
    std::vector<target::http_request> all;
    bool const across = probe == "traffic" && t.act.what != act_kind::stop; // it has slow requests, too
    switch (row_of(probe).needs) {
    case need::nothing: return all;
    case need::path:
    case need::delay: all = {t.path}; break;
    case need::slow: all = {t.slow}; break;
    case need::slow_or_stream: all = {t.slow, t.slow_stream}; break;
    case need::stream: all = {t.stream}; break;
    case need::upload: all = {probe == "expect" ? expecting(t.upload) : t.upload}; break;
    case need::large: all = {t.large}; break;
    }
    if (across) all.push_back(t.slow), all.push_back(t.slow_stream);
    if (probe == "second-request") all.push_back(t.slow);
    std::erase_if(all, [](target::http_request const& r) { return r.empty(); });
    return all;
}

std::unique_ptr<probe_script> make_probe(std::string_view name) { return row_of(name).make(); }

} // namespace shutdown_repro::repro
