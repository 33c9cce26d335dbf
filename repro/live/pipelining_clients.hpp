// Clients that send all their requests at once, without waiting for responses. They use plain sockets, because libcurl
// does not support pipelining.
#pragma once
#include <memory>
#include <vector>
#include "repro/live/live_clients.hpp"

namespace shutdown_repro::repro {

class pipelining_client;

class pipelining_clients final : public live_clients, private poller::watcher {
public:
    explicit pipelining_clients(client_surroundings const&);
    ~pipelining_clients() override;

    bool over() const override { return !running_; }
    traces::nanoseconds next_due() const override;
    void on_time() override {}
    void give_up() override;
    std::string const& failure() const override { return failure_; }

private:
    friend class pipelining_client;
    void on_ready(int fd, std::uint32_t events) override;

    client_surroundings on_;
    std::vector<std::unique_ptr<pipelining_client>> clients_;
    std::vector<pipelining_client*> by_descriptor_;
    std::size_t running_ = 0;
    std::string failure_;
};

} // namespace shutdown_repro::repro
