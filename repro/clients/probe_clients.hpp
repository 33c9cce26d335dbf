// Clients of a probed server: plain sockets that take one step at a time and record what they see. They retry nothing,
// and close a connection only when asked to or when the server has ended it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/clients/answers.hpp"
#include "repro/process/child_process.hpp"
#include "repro/process/poller.hpp"
#include "server_under_test/http/http_reader.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

// What all clients of one execution share; they do not own it.
struct client_stage {
    std::uint16_t port;
    traces::recorder& record;
    traces::nanoseconds& clock; // read by the recorder and set by the clients
    poller& events;
    std::string unix_path = {}; // where to connect instead of the port; "" for the port
    // Whether a listening socket of the server was closed since that time, where that is watched. Only then can a
    // connection be lost that was not accepted.
    std::function<bool(traces::nanoseconds since)> listener_was_closed = {};
};

struct probe_request {
    std::string method = "GET", path = "/";
    target::named_texts headers = {}; // besides those that each request has
    std::string body = {};
    std::optional<std::uint64_t> expected = {}; // size of the complete body of the response, if known
    bool endless = false;                       // the response never ends
    url_control const* control = nullptr;       // what it gets without a stop, if known; must stay valid
};
probe_request request_of(target::http_request const&); // without what is known of its response

enum class reading : std::uint8_t {
    at_once, // everything that comes
    slowly,  // as much as the probe says, through a small window
};

// A client with one connection.
class probe_client final : private poller::watcher {
public:
    probe_client(client_stage const&, std::uint32_t number, std::string_view role, reading = reading::at_once);
    ~probe_client();
    probe_client(probe_client const&) = delete;

    void connect(); // a request queued before the connection stands is sent once it does
    void send(probe_request const&, bool frozen = false);
    void send_half(probe_request const&);      // sends half of the head
    void send_head(probe_request const&);      // sends the head without the body
    void send_half_body(probe_request const&); // sends the head and half of the body
    void send_rest();
    void read_on(std::uint64_t bytes);             // of a slow reader: reads so many bytes more
    void read_up_to(std::uint64_t bytes);          // the same, so many in all
    void process_events();                         // handles what has happened so far, without waiting
    void leave();                                  // closes the connection if it is open
    void was_not_accepted() { accepted_ = false; } // at the stop the connection was still in the backlog
    void was_accepted(bool yes) { accepted_ = yes, looked_at_ = traces::monotonic_now(); }
    void give_up(); // records that the response, or the end of the connection, did not come in time

    std::string_view role() const { return role_; }
    bool connected() const { return connected_; }
    bool over() const { return over_; }                                 // the connection has ended
    bool waits() const { return request_ && !over_; }                   // waits for a response or for the rest of it
    bool sent() const { return request_ && unsent_.empty() && !over_; } // the kernel has taken the whole request
    traces::ref current_request() const { return request_ ? request_->id : traces::ref{}; } // the one it waits for
    // The number of bytes of that request; 0 unless the kernel has taken all of them.
    std::uint64_t bytes_sent() const;
    bool got_bytes() const { return received_any_; } // received a part of the current response
    std::uint32_t answered() const { return answered_; }
    bool all_was_read() const;          // on a Unix socket: whether the server has read all that was sent
    bool lost() const { return lost_; } // one of its requests has failed
    int last_status() const { return last_status_; }
    std::uint16_t local_port() const { return local_port_; }
    std::optional<answer_control> const& answer() const { return answer_; } // the last one
    bool asks_without_end() const { return request_ && request_->asked.endless; }
    // The time that its open request takes without a stop; 0 if it has none or that is not known.
    traces::nanoseconds usual_time() const;
    // The size of the body that is being received, if its head or the control says it.
    std::optional<std::uint64_t> whole_size() const;
    std::uint64_t body_so_far() const { return reader_.body(); }
    std::uint64_t unread() const; // bytes that have come and were not read
    bool got_interim() const { return reader_.interim() > 0; }
    // Why the bytes of the server can't be judged: "the server speaks TLS …"; "" when they can.
    std::string const& unreadable() const { return unreadable_; }

private:
    void on_ready(int fd, std::uint32_t events) override;
    void tick();
    void choose_events();
    void record(traces::kind, std::initializer_list<traces::field> = {});
    void queue(probe_request const&, std::string_view part, std::string text, bool frozen);
    void begin(probe_request const&, std::string_view part, std::size_t bytes); // sends so many bytes of it
    int connect_to_port() const;
    int connect_to_path() const;
    void finish_connecting();
    void connection_stands();
    bool closed_meanwhile();
    void push();
    void pull();
    void take(std::string_view bytes);
    void ended(bool reset);
    void done();
    void cannot_read();
    void check_its_end();
    std::optional<std::uint64_t> expected_body() const;
    void fail(std::string_view how);
    void close();

    client_stage const& on_;
    traces::ref const me_;
    std::string const role_;
    std::optional<std::uint64_t> may_read_; // bytes in all that a slow reader may read so far
    std::uint64_t read_ = 0;                // bytes so far
    unique_fd socket_;
    std::string unsent_, half_, unreadable_;
    std::optional<answer_control> answer_;
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
    bool accepted_ = true;              // or not known
    traces::nanoseconds looked_at_ = 0; // whether it was accepted
};

} // namespace shutdown_repro::repro
