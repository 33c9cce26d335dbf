#include "repro/live/pipelining_clients.hpp"
#include <cerrno>
#include <limits>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include "repro/process/child_process.hpp"
#include "server_under_test/http/http.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

namespace http = server::http;
using traces::entity;
using traces::kind;

class pipelining_client {
public:
    pipelining_client(pipelining_clients& all, std::uint32_t number, std::uint32_t first, std::uint32_t last)
        : owner_(all),
          me_{entity::client, number},
          first_(first),
          last_(last),
          awaited_(first),
          next_sent_(first) {
        for (std::uint32_t request = first; request <= last; ++request) {
            http::write_request(out_, request);
            ends_.push_back(out_.size());
        }
    }
    void begin();
    void advance();
    void fail(std::string_view how);
    bool over() const { return over_; }
    int descriptor_number() const { return socket_.get(); }

private:
    void tick() { owner_.on_.clock = traces::monotonic_now(); }
    void record(kind what, std::initializer_list<traces::field> detail = {}) {
        traces::recorder::acting const as_client(owner_.on_.record, me_);
        owner_.on_.record.emit(what, me_, {}, detail);
    }
    traces::ref request(std::uint32_t number) const { return {entity::request, number}; }
    void connected();
    void send();
    void receive();
    void take_responses();
    void end();

    pipelining_clients& owner_;
    traces::ref me_;
    unique_fd socket_;
    std::string out_, in_;
    std::vector<std::size_t> ends_; // the end of each request in out_
    std::size_t sent_ = 0;
    std::uint32_t const first_, last_;
    std::uint32_t awaited_, next_sent_;
    bool connected_ = false, told_ = false, over_ = false;
};

void pipelining_client::begin() {
    socket_ = unique_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) {
        owner_.failure_ = "cannot open a socket: " + std::generic_category().message(errno);
        return end();
    }
    tick();
    record(kind::client_connect, {{"port", static_cast<std::uint32_t>(owner_.on_.port)}});
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(owner_.on_.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS)
        return fail(errno == ECONNREFUSED ? "refused" : "reset");
    owner_.on_.events.watch(socket_.get(), EPOLLOUT, owner_);
}

void pipelining_client::advance() {
    tick();
    if (!connected_) connected();
    if (!over_ && sent_ < out_.size()) send();
    if (!over_) receive();
}

void pipelining_client::connected() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) return fail(error == ECONNREFUSED ? "refused" : "reset");
    connected_ = true;
    record(kind::client_connected);
}

// The event gets the time before the call that sent the last byte, so that it is never later than the server's reading
// it.
void pipelining_client::send() {
    ssize_t const taken = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (taken < 0) return; // receive() will see how the connection ended
    sent_ += static_cast<std::size_t>(taken);
    for (; next_sent_ <= last_; ++next_sent_) {
        std::size_t const index = next_sent_ - first_;
        if (ends_[index] > sent_) break;
        std::uint64_t const bytes = ends_[index] - (index ? ends_[index - 1] : 0);
        record(kind::client_send, {{"request", request(next_sent_)}, {"bytes", bytes}});
    }
    owner_.on_.events.watch(socket_.get(), sent_ < out_.size() ? EPOLLIN | EPOLLOUT : EPOLLIN, owner_);
}

void pipelining_client::receive() {
    char part[4096];
    for (;;) {
        ssize_t const got = ::recv(socket_.get(), part, sizeof part, 0);
        bool const failed = got < 0;
        if (failed && errno == EAGAIN) return;
        tick();
        if (got <= 0) return fail(!in_.empty() ? "truncated" : failed ? "reset" : "eof");
        in_.append(part, static_cast<std::size_t>(got));
        take_responses();
        if (over_) return;
    }
}

void pipelining_client::take_responses() {
    while (!in_.empty()) {
        if (!std::exchange(told_, true))
            record(kind::client_receive,
                {{"bytes", static_cast<std::uint64_t>(in_.size())}, {"request", request(awaited_)}});
        http::response const r = http::parse_response(in_);
        if (r.state != http::parse::complete) return;
        in_.erase(0, r.consumed);
        told_ = false;
        record(kind::client_done, {{"request", request(awaited_)}, {"status", r.status}});
        if (++awaited_ > last_ || !r.keep_alive) return end();
    }
}

void pipelining_client::fail(std::string_view how) {
    if (connected_ && awaited_ >= next_sent_) record(kind::client_closed);
    else
        record(kind::client_fail,
            {{"request", request(awaited_)}, {"how", how}, {"received", static_cast<std::uint64_t>(in_.size())}});
    end();
}

void pipelining_client::end() {
    if (socket_) owner_.on_.events.forget(socket_.get());
    socket_.close();
    over_ = true;
    --owner_.running_;
}

// --- all of them -----------------------------------------------------------------------------------------------------

pipelining_clients::pipelining_clients(client_surroundings const& on) : on_(on) {
    std::uint32_t const requests = requests_of(on.plan), each = std::max(1u, on.plan.per_connection);
    for (std::uint32_t first = 1, number = 1; first <= requests; first += each, ++number)
        clients_.push_back(
            std::make_unique<pipelining_client>(*this, number, first, std::min(requests, first + each - 1)));
    running_ = clients_.size();
    for (auto const& c : clients_) {
        c->begin();
        if (c->over()) continue;
        auto const fd = static_cast<std::size_t>(c->descriptor_number());
        if (fd >= by_descriptor_.size()) by_descriptor_.resize(fd + 1);
        by_descriptor_[fd] = c.get();
    }
}

pipelining_clients::~pipelining_clients() {
    for (auto const& c : clients_)
        if (!c->over()) on_.events.forget(c->descriptor_number());
}

traces::nanoseconds pipelining_clients::next_due() const { return std::numeric_limits<traces::nanoseconds>::max(); }

void pipelining_clients::on_ready(int fd, std::uint32_t) { by_descriptor_[static_cast<std::size_t>(fd)]->advance(); }

void pipelining_clients::give_up() {
    on_.clock = traces::monotonic_now();
    for (auto const& c : clients_)
        if (!c->over()) c->fail("timeout");
}

} // namespace shutdown_repro::repro
