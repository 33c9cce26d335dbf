// One request and its response on the reactor server. It belongs to its connection until it is finished; a handler that
// answers later may hold it too.
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

    // For the application. What is handed over is taken by the server when the stream can take it. `more` is asked for the
    // next part each time that the last one is out; without it the response ends with this part.
    using ask = std::function<void()>;
    void respond(int status, std::string bytes, ask more = {}, int part = 0);
    void answer_for(int status, std::string bytes); // the framework does, for a handler that failed
    void resume();
    bool keep_alive() const { return keep_alive_; } // no: its response says so

    // For the server.
    bool read(std::string_view bytes);                   // true: the request is complete, for the first time
    std::string take();                                  // what goes out next; "" and not `finished`: nothing yet
    void finish(std::string_view otherwise = "dropped"); // what to call it when it was not answered
    bool finished() const { return finished_; }
    void last_of_its_connection() { keep_alive_ = false; }
    bool fail(std::string_view error, std::string bytes); // with 500; false: a part of its response is out already
    bool cancel(std::string bytes);                       // with 503; false: it is being answered
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
