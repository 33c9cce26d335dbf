// The simulated clients. Each connects, sends its requests (one after the other, or all at once when pipelined), reads
// the responses and records what it sees. The counterpart of repro/live/curl_clients.hpp.
#pragma once
#include "repro/scenario/scenario.hpp"
#include "server_under_test/worlds/sim_world.hpp"

namespace shutdown_repro::repro {

class http_client final : public server::sim_client {
public:
    http_client(server::sim_world& w, std::uint32_t number) : on_(&w), number_(number) {}
    // Sends the requests first to last and then closes the connection.
    void begin(std::uint32_t first, std::uint32_t last, bool pipelined);
    bool over() const { return state_ == state::over; }

    traces::ref id() const override { return {traces::entity::client, number_}; }
    server::move next_move() const override;
    void act() override;

private:
    enum class state : std::uint8_t { connects, sends, waits, over };
    void step();
    void connect();
    void send();
    void read();
    void answered(int status);
    void ended(std::string_view how);

    server::sim_world* on_;
    std::uint32_t number_, next_ = 0, awaited_ = 0, last_ = 0;
    state state_ = state::connects;
    bool pipelined_ = false, told_ = false;
    server::sim_socket* socket_ = nullptr;
    std::string request_;      // the bytes being sent
    std::size_t read_ = 0;     // number of bytes of to_client that were read
    std::size_t response_ = 0; // where the current response begins
};

} // namespace shutdown_repro::repro
