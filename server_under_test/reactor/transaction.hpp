// A request and its response on the reactor server. It belongs to its connection until it is finished. A handler that
// answers later may also hold it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include "server_under_test/http/http.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

class transaction {
public:
    transaction(traces::recorder&, traces::ref connection);
    ~transaction();

    // For the application. The server takes the bytes when the stream can send them. `more` is called for the next part
    // each time the last one was written; without it the response ends with this part.
    using ask = std::function<void()>;
    void respond(int status, std::string bytes, ask more = {}, int part = 0);
    void answer_for(int status, std::string bytes); // the framework answers for a handler that failed
    void resume();
    bool keep_alive() const { return keep_alive_; } // false: the response has "Connection: close"

    // For the server.
    bool read(std::string_view bytes);                   // returns true when this completes the request
    std::string take();                                  // returns the next bytes to send; "" if there are none yet
    void finish(std::string_view otherwise = "dropped"); // `otherwise` is the result of a request that was not answered
    bool finished() const { return finished_; }
    void last_of_its_connection() { keep_alive_ = false; }
    bool fail(std::string_view error, std::string bytes); // answers 500; returns false if a part was already sent
    bool cancel(std::string bytes);                       // answers 503; returns false if it is being answered
    traces::ref id() const { return id_; }
    traces::ref connection() const { return connection_; }
    std::function<void()> on_resume;
    std::function<void(transaction&)> on_finish;

private:
    traces::recorder& trace_;
    traces::ref id_, connection_;
    std::string request_, pending_;
    ask more_;
    int status_ = 0;
    bool handled_ = false, keep_alive_ = true, responding_ = false, begun_ = false, ended_ = false, finished_ = false,
         cancelled_ = false;
};

} // namespace shutdown_repro::server
