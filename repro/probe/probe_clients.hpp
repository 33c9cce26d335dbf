// The clients around the stop of a real server: plain sockets that do what they are told, one step at a time, and record what
// they see. Nothing is retried and nothing is closed unasked, except a connection that the server has ended.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/process/child_process.hpp"
#include "repro/process/poller.hpp"
#include "server_under_test/http/http_reader.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

// What all clients of one execution share; borrowed.
struct client_stage {
    std::uint16_t port;
    traces::recorder& record;
    traces::nanoseconds& clock; // that the recorder reads; clients set it
    poller& events;
};

struct probe_request {
    std::string method = "GET", path = "/";
    std::optional<std::uint64_t> expected = {}; // bytes of a whole body, when known
    bool endless = false;                       // its response is not meant to end
};

// One client, one connection.
class probe_client final : private poller::watcher {
public:
    probe_client(client_stage const&, std::uint32_t number, std::string_view role);
    ~probe_client();
    probe_client(probe_client const&) = delete;

    void connect(); // and, once connected, sends what it is to send
    void send(probe_request const&, bool frozen = false);
    void send_half(probe_request const&); // of the head
    void send_rest();
    void look();    // without waiting: takes what has happened until now
    void leave();   // closes, if it is still open
    void give_up(); // what it waits for has not come, or nothing ended its connection

    std::string_view role() const { return role_; }
    bool connected() const { return connected_; }
    bool over() const { return over_; }                                 // its connection has ended
    bool waits() const { return request_ && !over_; }                   // for a response, or for its rest
    bool sent() const { return request_ && unsent_.empty() && !over_; } // all that it was told to, into the kernel
    bool got_bytes() const { return received_any_; }                    // of the response that it waits for
    std::uint32_t answered() const { return answered_; }
    bool lost() const { return lost_; } // a request of its has failed
    int last_status() const { return last_status_; }
    std::uint16_t local_port() const { return local_port_; }
    std::string const& nonsense() const { return nonsense_; } // the begin of what is no HTTP; "" when there was none

private:
    void on_ready(int fd, std::uint32_t events) override;
    void tick();
    void record(traces::kind, std::initializer_list<traces::field> = {});
    void queue(probe_request const&, std::string_view part, std::string text, bool frozen);
    void finish_connecting();
    void push();
    void pull();
    void take(std::string_view bytes);
    void ended(bool reset);
    void done();
    void fail(std::string_view how);
    void close();

    client_stage const& on_;
    traces::ref const me_;
    std::string const role_;
    descriptor socket_;
    std::string unsent_, half_, nonsense_;
    struct open_request {
        probe_request asked;
        traces::ref id;
    };
    std::optional<open_request> request_;
    struct later {
        probe_request asked;
        std::string part, text;
        bool frozen;
    };
    std::optional<later> when_connected_;
    server::http::response_reader reader_;
    std::uint16_t local_port_ = 0;
    std::uint32_t answered_ = 0;
    int last_status_ = 0;
    bool connected_ = false, over_ = false, lost_ = false, received_any_ = false;
};

} // namespace shutdown_repro::repro
