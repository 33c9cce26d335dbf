#include "repro/clients/probe_clients.hpp"
#include <algorithm>
#include <cerrno>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <utility>
#include "repro/clients/protocol.hpp"
#include "repro/input/errors.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using server::http::parse;
using traces::entity;
using traces::kind;

namespace {

constexpr std::size_t half_of_a_head = 20; // bytes; ends in the middle of the request line or of the first field

bool is_header(std::string_view one, std::string_view other) {
    auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(one, other, {}, lower, lower);
}

std::string head_of(probe_request const& r) {
    std::string head = r.method + " " + r.path + " HTTP/1.1\r\n";
    auto const add = [&](std::string const& name, std::string const& value) {
        head.append(name).append(": ").append(value).append("\r\n");
    };
    static std::pair<std::string, std::string> const usual[] = {
        {"Host", "127.0.0.1"}, {"User-Agent", "shutdown-repro"}};
    for (auto const& [name, value] : usual)
        if (std::ranges::none_of(r.headers, [&](auto const& h) { return is_header(h.first, name); })) add(name, value);
    for (auto const& [name, value] : r.headers) add(name, value);
    bool const says_length = !r.body.empty() || (r.method != "GET" && r.method != "HEAD");
    if (says_length) add("Content-Length", std::to_string(r.body.size()));
    return head + "\r\n";
}

// Small buffers, also at the server: it sizes its own by the size of the segments, which is huge on the loopback.
void narrow(int fd) {
    int const window = 32 * 1'024, segment = 1'460;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

} // namespace

probe_request request_of(target::http_request const& r) {
    return {.method = r.method, .path = r.path, .headers = r.headers, .body = r.body};
}

probe_client::probe_client(client_stage const& on, std::uint32_t number, std::string_view role, reading how)
    : on_(on),
      me_{entity::client, number},
      role_(role) {
    if (how == reading::slowly) may_read_ = 0;
}

probe_client::~probe_client() {
    if (socket_) on_.events.forget(socket_.get());
}

void probe_client::tick() { on_.clock = traces::monotonic_now(); }

void probe_client::record(kind what, std::initializer_list<traces::field> detail) {
    traces::recorder::acting const as_client(on_.record, me_);
    on_.record.emit(what, me_, {}, detail);
}

void probe_client::connect() {
    bool const by_path = !on_.unix_path.empty();
    socket_ = unique_fd(socket(by_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_)
        throw input_error("cannot open a socket for a client: " + std::generic_category().message(errno) +
            "; use fewer --connections");
    if (may_read_) narrow(socket_.get());
    tick();
    if (by_path) record(kind::client_connect, {{"role", role_}});
    else record(kind::client_connect, {{"port", static_cast<std::uint32_t>(on_.port)}, {"role", role_}});
    if ((by_path ? connect_to_path() : connect_to_port()) != 0 && errno != EINPROGRESS) {
        if (errno == EAGAIN) return fail("full"); // of a Unix socket: its backlog is full
        return fail(errno == ECONNREFUSED || errno == ENOENT ? "refused" : "reset");
    }
    on_.events.watch(socket_.get(), EPOLLOUT, *this);
}

int probe_client::connect_to_port() const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(on_.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
}

int probe_client::connect_to_path() const {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (on_.unix_path.size() >= sizeof to.sun_path)
        throw input_error("the Unix path " + on_.unix_path + " is too long: it has " +
            std::to_string(on_.unix_path.size()) + " bytes, and 107 are possible");
    on_.unix_path.copy(to.sun_path, on_.unix_path.size());
    return ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
}

bool probe_client::all_was_read() const {
    int unread = 0;
    return unsent_.empty() && socket_ && ioctl(socket_.get(), SIOCOUTQ, &unread) == 0 && unread == 0;
}

void probe_client::process_events() {
    if (!over_ && socket_) on_ready(socket_.get(), 0);
}

void probe_client::on_ready(int, std::uint32_t) {
    tick();
    if (!connected_) finish_connecting();
    if (!over_ && connected_) push();
    if (!over_ && connected_) pull();
}

void probe_client::finish_connecting() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) return fail(error == ECONNREFUSED ? "refused" : "reset");
    sockaddr_storage other_of_any{};
    if (!on_.unix_path.empty()) { // a connection by path stands at once
        socklen_t size_of_any = sizeof other_of_any;
        if (getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&other_of_any), &size_of_any) != 0) return;
        return connection_stands();
    }
    sockaddr_in me{}, other{};
    socklen_t length = sizeof other;
    if (getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&other), &length) != 0) return; // not yet
    length = sizeof me;
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&me), &length);
    local_port_ = ntohs(me.sin_port);
    connection_stands();
}

void probe_client::connection_stands() {
    connected_ = true;
    bool const can_look = on_.listener_was_closed && on_.unix_path.empty();
    if (can_look) was_accepted(false); // it waits in the queue of the listening socket
    record(kind::client_connected);
    choose_events();
    if (auto const now = std::exchange(when_connected_, {})) queue(now->asked, now->part, now->text, now->frozen);
}

void probe_client::send(probe_request const& r, bool frozen) { queue(r, "", head_of(r) + r.body, frozen); }

void probe_client::begin(probe_request const& r, std::string_view part, std::size_t bytes) {
    std::string const all = head_of(r) + r.body;
    half_ = all.substr(bytes);
    queue(r, part, all.substr(0, bytes), false);
}

void probe_client::send_half(probe_request const& r) { begin(r, "head-half", half_of_a_head); }

void probe_client::send_head(probe_request const& r) { begin(r, "head", head_of(r).size()); }

void probe_client::send_half_body(probe_request const& r) {
    begin(r, "body-half", head_of(r).size() + r.body.size() / 2);
}

void probe_client::send_rest() {
    if (over_ || !request_) return;
    queue(request_->asked, "rest", std::exchange(half_, {}), false);
}

// The event gets its time before the bytes are sent, so that it is never later than the server's reading them.
void probe_client::queue(probe_request const& r, std::string_view part, std::string text, bool frozen) {
    if (over_) return;
    if (!connected_) {
        when_connected_ = {r, std::string(part), std::move(text), frozen};
        return;
    }
    bool const kept_in_act = answered_ > 0 && on_.listener_was_closed;
    if (kept_in_act && part != "rest" && !request_ && closed_meanwhile()) return;
    if (part != "rest") {
        request_ = {r, on_.record.fresh(entity::request)};
        reader_ = server::http::response_reader(r.method == "HEAD");
        received_any_ = false;
    }
    tick();
    traces::field detail[5] = {
        {"request", request_->id}, {"bytes", static_cast<std::uint64_t>(text.size())}, {"method", r.method}, {}, {}};
    std::size_t count = 3;
    if (!part.empty()) detail[count++] = {"part", part};
    if (frozen) detail[count++] = {"frozen", true};
    traces::recorder::acting const as_client(on_.record, me_);
    on_.record.emit(kind::client_send, me_, {}, std::span<traces::field const>(detail, count));
    unsent_ += text;
    push();
}

// Returns whether the server has closed the connection, which this client has not read yet. A server may close a kept
// connection at any time, and a request that is sent after that was not lost. A new connection has to be served.
bool probe_client::closed_meanwhile() {
    char byte = 0;
    ssize_t const got = recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return false;
    tick();
    ended(got < 0);
    return true;
}

std::uint64_t probe_client::bytes_sent() const {
    return sent() && half_.empty() ? head_of(request_->asked).size() + request_->asked.body.size() : 0;
}

void probe_client::push() {
    while (!unsent_.empty()) {
        ssize_t const taken = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (taken < 0) break; // the buffer is full, or pull() will see how the connection ended
        unsent_.erase(0, static_cast<std::size_t>(taken));
    }
    choose_events();
}

void probe_client::choose_events() {
    bool const reads = !may_read_ || read_ < *may_read_;
    std::uint32_t events = 0;
    if (reads) events |= EPOLLIN;
    if (!unsent_.empty()) events |= EPOLLOUT;
    on_.events.watch(socket_.get(), events, *this);
}

void probe_client::read_on(std::uint64_t bytes) { read_up_to(read_ + bytes); }

void probe_client::read_up_to(std::uint64_t bytes) {
    may_read_ = std::max(bytes, may_read_.value_or(0));
    if (connected_ && !over_) choose_events();
}

std::optional<std::uint64_t> probe_client::whole_size() const {
    if (auto const length = reader_.length()) return length;
    url_control const* const usual = request_ ? request_->asked.control : nullptr;
    return usual && usual->answer && usual->same_length ? std::optional(usual->answer->body) : std::nullopt;
}

traces::nanoseconds probe_client::usual_time() const {
    return request_ && request_->asked.control ? request_->asked.control->took : 0;
}

std::uint64_t probe_client::unread() const {
    int bytes = 0;
    return socket_ && ioctl(socket_.get(), FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

void probe_client::pull() {
    char part[16 * 1024];
    for (;;) {
        std::size_t const most = may_read_ ? std::min<std::uint64_t>(sizeof part, *may_read_ - read_) : sizeof part;
        if (!most) return choose_events();
        ssize_t const got = recv(socket_.get(), part, most, 0);
        bool const failed = got < 0;
        if (failed && (errno == EAGAIN || errno == EINTR)) return;
        tick();
        if (got <= 0) return ended(failed);
        read_ += static_cast<std::size_t>(got);
        accepted_ = true;
        take({part, static_cast<std::size_t>(got)});
        if (over_) return;
    }
}

void probe_client::take(std::string_view bytes) {
    if (!request_) { // unrequested bytes: a greeting, or a final response with a status
        if (answered_ == 0 && unreadable_.empty()) unreadable_ = why_not_http(bytes);
        return;
    }
    reader_.feed(bytes);
    if (reader_.bytes() && !std::exchange(received_any_, true)) // an interim response is no part of the response
        record(kind::client_receive, {{"request", request_->id}, {"bytes", reader_.bytes()}});
    if (reader_.state() == parse::bad) return cannot_read();
    if (reader_.state() == parse::complete) done();
}

// What this reader can't parse is not the server's fault: the request is neither answered nor lost.
void probe_client::cannot_read() {
    unreadable_ = why_not_http(reader_.beginning());
    if (unreadable_.empty())
        unreadable_ = "a response can't be read: " + reader_.trouble() + ": " + quoted_bytes(reader_.beginning());
    record(kind::client_fail,
        {{"request", request_->id}, {"how", "unreadable"}, {"received", reader_.bytes()}, {"status", reader_.status()},
            {"why", reader_.trouble()}});
    close();
}

// The size of the complete body: known, or the size that it has each time without a stop.
std::optional<std::uint64_t> probe_client::expected_body() const {
    probe_request const& asked = request_->asked;
    if (asked.expected || !asked.control || !asked.control->answer || asked.endless) return asked.expected;
    answer_control const& usual = *asked.control->answer;
    bool const by_its_end = !usual.framed && reader_.status() == usual.status && asked.control->same_length;
    return by_its_end ? std::optional(usual.body) : std::nullopt;
}

// A response that ends with its connection looks complete wherever it is cut. Only its usual length shows a cut.
void probe_client::check_its_end() {
    probe_request const& asked = request_->asked;
    if (reader_.framed() || !asked.control || !asked.control->answer || expected_body()) return;
    unreadable_ = "the response to " + asked.method + " " + asked.path +
        " has neither a length nor chunks, and another length each time, so that a cut can't be told from its end";
}

void probe_client::done() {
    ++answered_;
    last_status_ = reader_.status();
    answer_ = {reader_.status(), reader_.body(), reader_.digest(), reader_.framed()};
    check_its_end();
    bool const says_close = reader_.close();
    auto const expected = expected_body();
    traces::field detail[9] = {
        {"request", request_->id}, {"status", reader_.status()}, {"body", reader_.body()}, {"close", says_close}};
    std::size_t count = 4;
    if (expected) detail[count++] = {"expected", *expected};
    if (reader_.interim()) detail[count++] = {"interim", reader_.interim()};
    if (url_control const* const usual = request_->asked.control; usual && usual->answer) {
        bool const same = answer_->body == usual->answer->body && answer_->digest == usual->answer->digest;
        detail[count++] = {"control_status", usual->answer->status};
        detail[count++] = {"control_body", usual->answer->body};
        if (usual->same_bytes && !same) detail[count++] = {"differs", true};
    }
    traces::recorder::acting const as_client(on_.record, me_);
    on_.record.emit(kind::client_done, me_, {}, std::span<traces::field const>(detail, count));
    request_.reset();
    received_any_ = false;
    if (says_close) close();
}

// Handles FIN or RST from the server.
void probe_client::ended(bool reset) {
    if (!request_) {
        record(kind::client_closed, {{"how", reset ? "reset" : "fin"}});
        return close();
    }
    auto const expected = expected_body();
    bool const whole = !expected || reader_.body() >= *expected;
    if (!reset && whole && !request_->asked.endless) {
        reader_.end_of_stream();
        if (reader_.state() == parse::complete) {
            done();
            return close();
        }
    }
    fail(reset ? "reset" : received_any_ ? "truncated" : "eof");
}

void probe_client::fail(std::string_view how) {
    lost_ = true;
    if (!accepted_ && on_.listener_was_closed) accepted_ = !on_.listener_was_closed(looked_at_);
    if (!request_) { // it failed before any request
        record(kind::client_fail, {{"how", how}, {"received", 0}});
        return close();
    }
    traces::field detail[10] = {{"request", request_->id}, {"how", how}, {"received", reader_.bytes()},
        {"status", reader_.status()}, {"body", reader_.body()}};
    std::size_t count = 5;
    if (reader_.interim()) detail[count++] = {"interim", reader_.interim()};
    if (!accepted_) detail[count++] = {"accepted", false};
    if (reader_.status()) detail[count++] = {"framed", reader_.framed()};
    if (auto const expected = expected_body()) detail[count++] = {"expected", *expected};
    if (how == "timeout" && usual_time()) detail[count++] = {"control_ns", usual_time()};
    traces::recorder::acting const as_client(on_.record, me_);
    on_.record.emit(kind::client_fail, me_, {}, std::span<traces::field const>(detail, count));
    close();
}

void probe_client::leave() {
    if (over_ || !socket_) return;
    tick();
    record(kind::client_leave);
    close();
}

void probe_client::give_up() {
    if (over_ || !socket_) return;
    tick();
    if (request_ && !(request_->asked.endless && received_any_)) return fail("timeout");
    record(kind::client_open);
    close();
}

void probe_client::close() {
    if (socket_) on_.events.forget(socket_.get());
    socket_.close();
    over_ = true;
}

} // namespace shutdown_repro::repro
