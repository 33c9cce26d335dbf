// The clients of a steered execution and what they do. Each act comes when the server has nothing left to do, so all
// that is sent before the stop is sent before it in every order of the steps.
//
//   client:1  asks for something slow, or for the usual page if the target has nothing slow
//   client:2  asks for the usual page, and keeps its connection for a second request
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>
#include "repro/clients/probe_clients.hpp"
#include "repro/clients/slow_backend.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro::steer {

class cast {
public:
    // `backend`: null if the target uses none.
    cast(client_stage const&, target const&, slow_backend* backend);

    std::uint32_t client_at(std::uint16_t port) const;      // the number of the client with that local port, or 0
    probe_client const* client(std::uint32_t number) const; // null if there is none
    // Whether what the next act waits for has happened.
    bool next_is_due() const;
    std::string next() const; // the next act, for people: "the clients connect"; "" when none is left
    void act(bool stopped);

    // The same acts one by one, for executions that choose their order; not together with act().
    // Returns those that are possible now, by client: client:1.connects, client:2.asks#2, backend.answers.
    std::vector<std::string> possible_acts(bool stopped) const;
    void perform(std::string const& act);
    bool anyone_waits() const; // for a response

    bool all_over() const;
    void leave(); // those that wait for no response
    void give_up();
    std::vector<std::unique_ptr<probe_client>> const& clients() const { return clients_; }
    std::string why_unreadable() const; // why a client can't judge what it received; "" when each can

private:
    enum class phase : std::uint8_t { connect, ask, ask_again, answer, done };
    probe_client& slow() const { return *clients_[0]; }
    probe_client& kept() const { return *clients_[1]; }
    probe_request slow_request() const;
    client_stage const& stage_;
    target const& target_;
    slow_backend* backend_;
    std::vector<std::unique_ptr<probe_client>> clients_;
    phase phase_ = phase::connect;
    struct progress {
        bool connects = false;
        std::uint32_t asks = 0;
    };
    std::array<progress, 2> done_ = {}; // of each client, act by act
    bool backend_answers_ = false;
};

} // namespace shutdown_repro::repro::steer
