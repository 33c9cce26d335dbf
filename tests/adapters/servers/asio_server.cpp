// A line server on plain Asio that records its events with shutdown_repro.hpp. Every connection has a scope with a
// handler that waits before it answers. The program sends a request itself, and stops the server while the handler
// waits:
//     asio_server lost      disposes the scopes of its connections with their handlers inside
//     asio_server drained   cancels the handlers, and disposes a scope after its last handler has ended
#include <boost/asio.hpp>
#include <memory>
#include <set>
#include "repro/adapters/cpp/shutdown_repro.hpp"

namespace asio = boost::asio;
namespace probe = shutdown_repro::probe;
using asio::ip::tcp;

namespace {

struct handler {
    handler(probe::scope const& in, tcp::socket s)
        : work(in, "handler"),
          socket(std::move(s)),
          timer(socket.get_executor()) {}
    probe::task work;
    tcp::socket socket;
    asio::steady_timer timer;
    asio::streambuf line;
};

struct connection {
    explicit connection(probe::scope const& all) : scope("connection", all) {}
    probe::scope scope;
    std::shared_ptr<handler> inside;
};

class server {
public:
    server(asio::io_context& io, bool drains)
        : io_(io),
          listener_(io, {asio::ip::address_v4::loopback(), 0}),
          drains_(drains) {
        said_.listen(port());
        said_.ready();
        accept();
    }
    std::uint16_t port() const { return listener_.local_endpoint().port(); }

    void stop() {
        said_.stop();
        listener_.close();
        said_.close();
        if (!drains_) return connections_.clear();
        for (auto const& c : connections_) {
            c->scope.cancel();
            c->inside->work.cancel();
            c->inside->timer.cancel();
        }
    }
    std::function<void()> on_waiting;

private:
    using connection_ptr = std::shared_ptr<connection>;

    void accept() {
        listener_.async_accept([this](boost::system::error_code failed, tcp::socket s) {
            if (failed) return;
            SHUTDOWN_REPRO_CHECKPOINT("after-accept");
            auto const c = std::make_shared<connection>(all_);
            connections_.insert(c);
            c->inside = std::make_shared<handler>(c->scope, std::move(s));
            read(c->inside, c);
            accept();
        });
    }

    void read(std::shared_ptr<handler> const& h, std::weak_ptr<connection> of) {
        h->work.suspend("read");
        asio::async_read_until(h->socket, h->line, '\n', [this, h, of](boost::system::error_code failed, std::size_t) {
            h->work.resume();
            if (failed) return over(of);
            h->work.suspend("delay");
            h->timer.expires_after(std::chrono::milliseconds(20));
            h->timer.async_wait([this, h, of](boost::system::error_code cancelled) { answer(*h, of, !cancelled); });
            on_waiting();
        });
    }

    void answer(handler& h, std::weak_ptr<connection> const& of, bool in_time) {
        h.work.resume(in_time ? "value" : "cancellation");
        if (in_time) asio::write(h.socket, asio::buffer("ok\n", 3));
        else h.work.finish("cancelled");
        asio::post(io_, [this, of] { over(of); });
    }

    // The handler and its connection end when the last reference to the handler is released.
    void over(std::weak_ptr<connection> const& of) {
        auto const c = of.lock();
        if (!c) return;
        c->inside.reset();
        connections_.erase(c);
    }

    asio::io_context& io_;
    probe::server said_{"asio line server"};
    probe::scope all_{"server"};
    std::set<connection_ptr> connections_;
    tcp::acceptor listener_;
    bool drains_;
};

} // namespace

int main(int, char** arguments) {
    asio::io_context io;
    server s(io, std::string(arguments[1]) == "drained");
    s.on_waiting = [&] { asio::post(io, [&] { s.stop(); }); };
    probe::on_stop([&] { s.stop(); });
    tcp::socket client(io);
    client.async_connect({asio::ip::address_v4::loopback(), s.port()},
        [&](boost::system::error_code) { asio::write(client, asio::buffer("hello\n", 6)); });
    io.run();
}
