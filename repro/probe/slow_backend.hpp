// The slow server behind a server under test: it answers what it was asked for when it is told to, not when time has passed.
// It runs in our loop, so what it has received is an observation that can be acted on.
//
//   /slow…          nothing until release(), then the whole response
//   /slow-stream…   the head and half of the body, the rest after release()
//   /stream…        server-sent events without an end, of one connection
//   anything else   at once
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include "repro/process/child_process.hpp"
#include "repro/process/poller.hpp"

namespace shutdown_repro::repro {

class slow_backend final : private poller::watcher {
public:
    static constexpr std::uint64_t body_size = 4096; // of the slow ones

    explicit slow_backend(poller&);
    ~slow_backend();
    slow_backend(slow_backend const&) = delete;

    std::uint16_t port() const { return port_; }
    std::size_t held() const; // requests that have arrived and wait for release()
    void release();           // those, and from now on each at once
    void tick();              // one more event for every endless stream

private:
    enum class asked : std::uint8_t { nothing_yet, slow, slow_stream, stream, answered };
    struct connection {
        descriptor socket;
        std::string in, out;
        asked what = asked::nothing_yet;
        bool ends = false; // when all is out
    };
    void on_ready(int fd, std::uint32_t events) override;
    void accept();
    void hear(connection&);
    void answer(connection&, std::string_view path);
    void finish(connection&);
    bool flush(connection&); // false when it is over

    poller& events_;
    descriptor listener_;
    std::uint16_t port_ = 0;
    bool released_ = false;
    std::map<int, connection> connections_; // by descriptor
};

} // namespace shutdown_repro::repro
