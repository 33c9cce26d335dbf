// A connection of the scoped server. It reads requests, has them handled one after the other in the order of their
// arrival (pipelined requests wait in its buffer), and writes the responses. As in the modeled server it has no
// coroutine of its own: its I/O runs in the loop, outside every scope.
#pragma once
#include <memory>
#include <string>
#include "server_under_test/scopes/task.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

class connection;

class connection_owner {
public:
    virtual ~connection_owner() = default;
    virtual void on_request(
        connection&, std::uint32_t number) = 0;     // answer it by respond(), now or later, and then call handled()
    virtual bool closes_after_response() const = 0; // whether to announce and close it once no request waits
    virtual void on_flushed(connection&) = 0;       // all bytes are sent, or the connection is closed
};

class connection : public pooled {
public:
    connection(world&, connection_owner&, std::unique_ptr<stream>, traces::ref id);
    connection(connection const&) = delete;

    traces::ref const id;

    void read();                      // reads the available bytes and then waits for more
    void respond(int status);         // answers the current request
    void handled();                   // the handler has ended; takes the next request, if any
    void close(std::string_view how); // "fin", "reset" or "peer"

    bool open() const { return static_cast<bool>(stream_); }
    bool unsent() const { return open() && sent_ < out_.size(); }

    class scope* home = nullptr; // its scope, when connections have one

private:
    struct wait final : work {
        connection* owner = nullptr;
    };
    void next();
    void flush();

    world& on_;
    connection_owner& owner_;
    std::unique_ptr<stream> stream_;
    pooled_string in_;
    std::string out_;
    std::size_t sent_ = 0;
    bool handling_ = false, last_ = false, reading_ = false;
    wait readable_, writable_, again_;
};

} // namespace shutdown_repro::server
