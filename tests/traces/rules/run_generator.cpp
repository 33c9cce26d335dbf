#include "tests/traces/rules/run_generator.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr ref first_process{entity::process, 1};

} // namespace

trace run_generator::draw() {
    missteps_ = one_of({0u, 3u, 10u, 40u});
    processes_ = 1 + below(3);
    most_clients_ = 1 + below(5);
    http2_ = chance(12);
    role_ = word({"in-flight", "stream-in-flight", "half-request", "backlog", "keepalive", "idle", "silent", "stream",
        "late", "readiness", "second", "traffic", ""});
    about_ = one_of({topic::any, topic::any, topic::any, topic::startup, topic::deaf, topic::wrapper, topic::kept,
        topic::kept, topic::kill});
    start();
    clients_act(3 + below(10));
    if (chance(92)) stop_or_act();
    after_the_stop();
    what_is_left();
    return std::move(drawn_);
}

void run_generator::tell(kind what, ref id, std::vector<field> const& detail, ref parent) {
    event e;
    e.seq = drawn_.events.size();
    e.t = now_ += below(3) * 500'000;
    e.what = what, e.id = id, e.parent = parent;
    e.detail = detail;
    drawn_.append(e);
}

void run_generator::pass_time() {
    if (chance(60)) return;

    now_ += one_of({1 * millisecond, 100 * millisecond, 240 * millisecond, 251 * millisecond, 300 * millisecond,
        501 * millisecond, 1001 * millisecond, 2001 * millisecond, 5000 * millisecond});
}

void run_generator::start() {
    std::vector<field> detail{{"name", "server"}};
    if (chance(70)) detail.push_back({"grace", one_of({1000, 5000})});
    if (chance(20)) detail.push_back({"drain_timeout", one_of({100, 1000, 3000})});
    if (chance(15)) detail.push_back({"accepts_for", one_of({100, 1000, 3000})});
    if (chance(about_ == topic::wrapper ? 50 : 15)) detail.push_back({"pid1", true});
    tell(kind::process_start, first_process, detail);
    for (std::uint32_t n = 2; n <= processes_; ++n)
        tell(kind::process_start, {entity::process, n}, {{"name", "worker"}}, first_process);
    if (chance(8)) return tell(kind::server_listen, {entity::server, 1}, {{"port", 8080}});
    if (chance(8)) return;
    std::vector<field> ready{{"workers", static_cast<int>(processes_)}};
    if (chance(20)) ready.push_back({"rest_ns", one_of({std::int64_t{1'000'000}, std::int64_t{2'500'000'000}})});
    else if (chance(8)) ready.push_back({"rest_killed", true});
    if (chance(5)) ready.push_back({"rest_unforwarded", "process:2 (worker)"});
    tell(kind::process_ready, first_process, ready);
    for (std::uint32_t n = 1; n <= processes_; ++n)
        if (chance(50))
            tell(kind::process_files, {entity::process, n},
                {{"when", "ready"}, {"open", 8 + static_cast<int>(below(2))},
                    {"listens", chance(about_ == topic::wrapper && n > 1 ? 95 : 60)}, {"name", "worker"}});
}

void run_generator::stop_or_act() {
    using enum kind;
    if (chance(25)) {
        frozen_ = true;
        tell(process_signal, first_process, {{"signal", "SIGSTOP"}, {"stop", false}});
        clients_act(1 + below(6));
    }
    bool const deaf = about_ == topic::deaf && chance(80);
    if (deaf || chance(30))
        tell(process_status, chance(85) ? first_process : ref{entity::process, 1 + below(processes_)},
            {{"signal", "SIGTERM"}, {"caught", !deaf && chance(60)}, {"ignored", !deaf && chance(20)},
                {"blocked", !deaf && chance(20)}, {"awaited", chance(10)}, {"pid1", deaf || chance(30)}});
    act_ = chance(14);
    if (act_) {
        tell(act_begin, first_process,
            {{"act", word({"reload", "upgrade", "recycle", "successor", "none"})}, {"how", "a signal"}});
    } else if (chance(12)) {
        tell(act_stop, first_process, {{"how", word({"command", "http"})}});
    } else {
        std::vector<field> detail{{"signal", word({"SIGTERM", "SIGTERM", "SIGINT"})}};
        if (chance(50)) detail.push_back({"stop", true});
        if (chance(20)) {
            detail.push_back({"graceful", false});
            detail.push_back({"instead", "SIGQUIT"});
            detail.push_back({"kept", static_cast<int>(below(3))});
            detail.push_back({"lost", static_cast<int>(below(2))});
        }
        if (chance(8)) detail.push_back({"to", word({"first", "group", "pid1"})});
        if (chance(about_ == topic::startup ? 90 : 4)) detail.push_back({"startup", "listen"});
        tell(process_signal, first_process, detail);
    }
    stopped_ = !act_;
    if (stopped_ && chance(about_ == topic::startup ? 80 : 8)) tell(process_ready, first_process, {{"workers", 1}});
    if (frozen_) tell(process_signal, first_process, {{"signal", "SIGCONT"}, {"stop", false}});
    frozen_ = false;
}

void run_generator::stop_again() {
    std::vector<field> detail{{"signal", "SIGTERM"}, {"second", true}};
    if (chance(60)) detail.push_back({"means", word({"nothing", "force"})});
    tell(kind::process_signal, first_process, detail);
}

void run_generator::signal_to_a_process() {
    std::vector<field> detail{{"signal", word({"SIGTERM", "SIGKILL", "SIGKILL"})}, {"stop", false}};
    ref const to{entity::process, 1 + below(processes_)};
    if (exited_.contains(to)) return;
    if (to != first_process && chance(60)) detail[0].val = "SIGTERM", detail.push_back({"direct", true});
    tell(kind::process_signal, to, detail);
}

void run_generator::after_the_stop() {
    using enum kind;
    for (std::uint32_t n = below(5); n > 0; --n) {
        pass_time();
        clients_act(1 + below(5));
        if (chance(15)) stop_again();
        if (chance(12)) signal_to_a_process();
        if (chance(missteps_)) some_process_event();
        if (chance(6)) prints();
        if (act_ && chance(40)) gives_up();
        if (act_ && chance(50)) tell(act_effect, {entity::process, 2}, {{"act", "reload"}, {"by", "processes"}});
        if (act_ && chance(20))
            tell(act_end, first_process,
                {{"act", "reload"}, {"effect", chance(50)}, {"expected", chance(70)}, {"why", "a new process"}});
        if (act_ && chance(20)) tell(process_stuck, {entity::process, 1 + below(processes_)}, {{"ms", 5000}});
        if (chance(15)) {
            ref const process{entity::process, 1 + below(processes_)};
            tell(process_files, process,
                {{"when", "drained"}, {"open", 8 + static_cast<int>(below(3))},
                    {"close_wait", static_cast<int>(below(2))}});
        }
    }
    while (act_ && chance(70)) gives_up();
    bool const first_exits_first = about_ == topic::wrapper;
    if (first_exits_first) exits(first_process);
    for (std::uint32_t n = processes_; n > 0; --n)
        if (chance(n == 1 ? 85 : 50)) pass_time(), exits({entity::process, n});
}

// A failed assertion, by a runtime that aborts after it, or by one whose exceptions can be caught.
void run_generator::prints() {
    std::vector<field> detail{{"text",
        chance(50) ? "server: scope.c:12: f: Assertion `x > 0' failed." : "AssertionError: the queue is empty"}};
    if (chance(15)) detail.push_back({"output", "stdout"});
    tell(kind::process_stderr, {entity::process, 1 + below(processes_)}, detail);
}

void run_generator::exits(ref process) {
    if (!exited_.insert(process).second) return;
    std::vector<field> detail;
    bool const killed = about_ == topic::kill || about_ == topic::deaf || about_ == topic::startup;
    if (killed && chance(70)) {
        tell(kind::process_signal, process, {{"signal", "SIGKILL"}, {"stop", false}});
        detail.push_back({"signal", "SIGKILL"});
    } else if (chance(about_ == topic::wrapper ? 5 : 25)) {
        std::string_view const signal = word({"SIGTERM", "SIGKILL", "SIGKILL", "SIGSEGV", "SIGABRT"});
        if (signal == "SIGKILL" && chance(70))
            tell(kind::process_signal, process, {{"signal", "SIGKILL"}, {"stop", false}});
        detail.push_back({"signal", signal});
        if (chance(8)) detail.push_back({"with_first", true});
    } else if (chance(95)) {
        detail.push_back({"status", one_of({0, 0, 1, 134})});
        if (chance(20)) detail.push_back({"accepted", chance(60)});
    }
    if (process == first_process && chance(15)) {
        detail.push_back({"left_sooner_ns", std::int64_t{1'000'000'000}});
        detail.push_back({"exited_sooner_ns", one_of({std::int64_t{0}, std::int64_t{900'000'000}})});
    }
    if (process == first_process && chance(5)) detail.push_back({"cause_unknown", true});
    tell(kind::process_exit, process, detail);
}

void run_generator::what_is_left() {
    for (std::uint32_t n = below(4); n > 0; --n) some_process_event();
    for (auto& [id, c] : clients_)
        if (c.connected && !c.gone && chance(40)) tell(kind::client_open, id);
}

void run_generator::some_process_event() {
    using enum kind;
    ref const process{entity::process, 1 + below(processes_)};
    switch (below(7)) {
    case 0:
        if (process != first_process) tell(process_orphan, process, {{"name", "worker"}});
        return;
    case 1: return tell(process_left, first_process, {{"count", static_cast<int>(below(2))}});
    case 2: return tell(process_port, first_process, {{"port", 8080}, {"listening", chance(70)}});
    case 3: return tell(process_effect, first_process, {{"what", "a line"}, {"there", chance(40)}});
    case 4: {
        bool const there = chance(50), same = chance(50);
        return tell(process_path, first_process,
            {{"path", "/run/s"}, {"there", there}, {"same", same}, {"next", same ? "fails" : "listens"}});
    }
    case 5: return exits(process);
    default: return tell(assertion, first_process, {{"message", "x > 0"}});
    }
}

void run_generator::clients_act(std::uint32_t times) {
    if (chance(4)) prints();
    for (; times > 0; --times) {
        if (chance(12)) pass_time();
        client_event();
    }
}

std::vector<field> run_generator::of_stream(client const& c) const {
    std::vector<field> detail;
    if (c.request) detail.push_back({"request", c.request});
    if (c.stream) detail.push_back({"stream", c.stream});
    return detail;
}

void run_generator::client_event() {
    ref const id{entity::client, 1 + below(most_clients_ + (stopped_ || act_ ? 3 : 0))};
    client& c = clients_[id];
    if (chance(3)) return tell(kind::client_traffic, id, {{"going", chance(50)}});
    if (c.gone) return;                                    // each client has one connection
    if (!c.connected && chance(missteps_) && chance(30)) { // the trace lacks how it began
        c.connected = true;
        return sends(c, id);
    }
    if (c.connected && chance(missteps_)) {
        switch (below(6)) {
        case 0:
        case 1: return sends(c, id);
        case 2: return receives(c, id);
        case 3:
            if (c.request || !c.answered) is_done(c, id);
            return;
        case 4: return fails(c, id);
        default: return ends(c, id);
        }
    }
    if (!c.connected) return connects(c, id);
    if (!c.request) return chance(about_ == topic::kept ? 90 : 75) ? sends(c, id) : ends(c, id);
    if (c.half) return chance(65) ? sends(c, id) : chance(50) ? fails(c, id) : ends(c, id);
    if (c.received == 0 && chance(stopped_ || act_ ? 15 : 3)) return is_closed_unread(c, id);
    if (c.received == 0 && chance(50)) return receives(c, id);
    if (chance(stopped_ || act_ ? 40 : 85)) return is_done(c, id);
    return chance(80) ? fails(c, id) : ends(c, id);
}

void run_generator::connects(client& c, ref id) {
    std::string_view const role = chance(70)
        ? role_
        : word({"in-flight", "readiness", "backlog", "keepalive", "idle", "silent", "stream", "late", "traffic"});
    c = {};
    c.role = role;
    std::vector<field> detail{{"port", 8080}};
    if (!role.empty()) detail.push_back({"role", role});
    tell(kind::client_connect, id, detail);
    if (chance(stopped_ || act_ ? 25 : 4)) {
        tell(kind::client_fail, id, {{"how", word({"refused", "refused", "reset"})}, {"received", 0}});
        c.gone = true;
    } else {
        tell(kind::client_connected, id);
        c.connected = true;
    }
}

void run_generator::sends(client& c, ref id) {
    std::string_view part;
    bool const silent = c.role == "silent" && chance(85);
    if (silent) return;
    if (c.half) {
        part = "rest", c.half = false;
    } else {
        if (c.request && !http2_ && chance(85)) return;
        c.request = {entity::request, ++requests_}, c.received = 0, c.posts = chance(40);
        if (http2_) c.stream += 1 + (c.stream > 0);
        if (chance(c.role == "half-request" ? 80 : 5)) part = "head-half", c.half = true;
        else if (chance(8)) part = word({"head", "body-half"}), c.half = true;
    }
    std::vector<field> detail = of_stream(c);
    detail.push_back({"bytes", 40});
    if (c.posts) detail.push_back({"method", "POST"});
    if (!part.empty()) detail.push_back({"part", part});
    if (frozen_) detail.push_back({"frozen", true});
    tell(kind::client_send, id, detail);
    if (http2_ && chance(15)) tell(kind::client_goaway, id, {{"last", static_cast<int>(below(4))}});
}

void run_generator::receives(client& c, ref id) {
    std::vector<field> detail = of_stream(c);
    c.received = 10 + below(40);
    detail.push_back({"bytes", c.received});
    tell(kind::client_receive, id, detail);
}

void run_generator::is_done(client& c, ref id) {
    if (c.received == 0 && chance(90)) receives(c, id);
    std::vector<field> detail = of_stream(c);
    int const status = one_of({200, 200, 200, 404, 500, 503}), body = one_of({10, 25});
    detail.push_back({"status", status});
    detail.push_back({"body", body});
    if (chance(30)) detail.push_back({"expected", 25});
    bool const closes = chance(about_ == topic::kept ? 5 : stopped_ ? 50 : 10);
    if (chance(70)) detail.push_back({"close", closes});
    if (chance(30)) detail.push_back({"control_status", one_of({200, 200, 404, 500})});
    if (chance(20)) detail.push_back({"control_body", 25});
    if (chance(8)) detail.push_back({"differs", true});
    tell(kind::client_done, id, detail);
    c.answered = true;
    c.request = {}, c.received = 0, c.half = false;
    if (closes && chance(60)) ends(c, id);
    c.gone |= closes;
}

void run_generator::fails(client& c, ref id) {
    std::vector<field> detail = of_stream(c);
    std::int64_t const received = chance(90) ? c.received : 30;
    detail.push_back({"how", word({"reset", "eof", "reset", "eof", "timeout", "truncated", "unreadable"})});
    detail.push_back({"received", received});
    if (received > 0) {
        detail.push_back({"status", one_of({0, 200, 200, 503})});
        detail.push_back({"body", one_of({10, 25})});
        if (chance(40)) detail.push_back({"expected", 25});
        if (chance(40)) detail.push_back({"framed", false});
    }
    if (chance(8)) detail.push_back({"accepted", chance(30)});
    if (chance(5)) detail.push_back({"interim", 1});
    tell(kind::client_fail, id, detail);
    c.request = {}, c.received = 0, c.half = false;
    c.gone = !c.stream || chance(30);
}

// The server closes its end of the connection, or one process of several does. Mostly the client sees that at once.
void run_generator::is_closed_unread(client const& c, ref id) {
    ref const connection{entity::connection, id.number};
    std::vector<field> detail{{"how", "reset"}, {"step", "client:1.close#1"}};
    if (chance(90)) detail.push_back({"unread_request", c.request});
    tell(kind::connection_close, connection, detail);
    if (chance(15)) tell(one_of({kind::connection_read, kind::connection_close}), connection, {{"bytes", 40}});
    if (chance(80)) fails(clients_[id], id);
}

// A client has waited for its response, often as long as the grace.
void run_generator::gives_up() {
    for (auto& [id, c] : clients_) {
        if (!c.request || c.gone || c.half) continue;
        now_ += one_of({1'001 * millisecond, 5'001 * millisecond, 5'301 * millisecond});
        std::vector<field> detail = of_stream(c);
        detail.push_back({"how", "timeout"});
        if (chance(20)) detail.push_back({"control_ns", 300 * millisecond});
        tell(kind::client_fail, id, detail);
        c.request = {}, c.received = 0;
        c.gone = true;
        return;
    }
}

void run_generator::ends(client& c, ref id) {
    if (chance(70)) tell(kind::client_closed, id, {{"how", word({"fin", "reset"})}});
    else tell(kind::client_leave, id);
    c.request = {}, c.received = 0, c.half = false, c.gone = true;
}

} // namespace shutdown_repro::traces
