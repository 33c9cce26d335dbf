// Clients that send one request after the other, on libcurl's multi interface: one easy handle per connection, all in
// the epoll set of the runner.
#pragma once
#include <memory>
#include <vector>
#include "repro/live/live_clients.hpp"

namespace shutdown_repro::repro {

struct curl_client;

class curl_clients final : public live_clients, private poller::watcher {
public:
    explicit curl_clients(client_surroundings const&);
    ~curl_clients() override;

    bool over() const override { return !running_; }
    traces::nanoseconds next_due() const override { return due_; }
    void on_time() override;
    void give_up() override;
    std::string const& failure() const override { return failure_; }

private:
    friend struct curl_client;
    void on_ready(int fd, std::uint32_t events) override;
    void watch(int fd, std::uint32_t events) noexcept;
    void advance(int fd, int events);
    void take_results();
    void finish(curl_client&, int result);

    client_surroundings on_;
    void* multi_;
    std::vector<std::unique_ptr<curl_client>> clients_;
    std::vector<curl_client*> by_descriptor_;
    std::size_t running_ = 0;
    traces::nanoseconds due_;
    std::string failure_;
};

} // namespace shutdown_repro::repro
