// A slow backend behind the server under test. It answers when release() is called, not after some time. It runs in the
// event loop of the probe, which can therefore observe what the backend has received.
//
//   /slow…          sends nothing until release(), then the whole response
//   /slow-stream…   sends the head and half of the body, and the rest after release()
//   /stream…        sends server-sent events without an end
//   /upload…        is answered when its body has come
//   /large…         has a body of 2 MiB
//   anything else   is answered at once
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
    static constexpr std::uint64_t body_size = 4096;       // bytes of a slow response
    static constexpr std::uint64_t large_size = 2U << 20U; // bytes of a large one

    explicit slow_backend(poller&);
    ~slow_backend();
    slow_backend(slow_backend const&) = delete;

    std::uint16_t port() const { return port_; }
    std::size_t held() const;          // number of requests that wait for release()
    void release();                    // answers the waiting requests, and from now on each request at once
    void answer_oldest();              // answers the request that has waited longest, if one waits
    void tick();                       // sends one more event on every endless stream
    void hold() { released_ = false; } // until the next release(), requests that come wait again

private:
    enum class asked : std::uint8_t { nothing_yet, slow, slow_stream, stream, answered };
    struct connection {
        unique_fd socket;
        std::string in, out;
        asked what = asked::nothing_yet;
        std::uint64_t since = 0; // the order in which requests came
        bool invited = false;    // was told 100 Continue
        bool ends = false;       // close the connection when all is sent
    };
    void on_ready(int fd, std::uint32_t events) override;
    void accept();
    void hear(connection&);
    void invite(connection&, std::size_t end_of_head);
    void answer(connection&, std::string_view path);
    void finish(connection&);
    bool flush(connection&); // returns false if it closed the connection

    poller& events_;
    unique_fd listener_;
    std::uint16_t port_ = 0;
    bool released_ = false;
    std::uint64_t asked_ = 0;               // requests so far
    std::map<int, connection> connections_; // by descriptor
};

} // namespace shutdown_repro::repro
