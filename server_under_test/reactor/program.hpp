// The program that runs on the reactor: a server and a user agent in one loop, and the code that stops the server. It
// models "main" of the measured host program. When the loop returns, the process ends without running destructors of
// server and agent.
//
// If it is stopped by a signal, it models the original's own main instead, which holds the server: that reference is
// released when the loop has returned, and open connections are then closed.
#pragma once
#include "server_under_test/reactor/daemon.hpp"
#include "server_under_test/reactor/user_agent.hpp"

namespace shutdown_repro::server {

class reactor_program final : public application {
public:
    // Both arguments must outlive the program.
    reactor_program(polling_world&, reactor_config const&);
    ~reactor_program() override;
    bool run(std::string& error); // returns false if it was killed, or could not start; then `error` is set
    bool stop_was_called() const { return stop_called_; } // or dropping the server, by anybody

private:
    void issue_requests();
    void handle(std::shared_ptr<transaction> const&) override;
    void finished(transaction&) override;
    void answered();
    void arm_timers();
    void answer(transaction&);
    void answer_in_parts(transaction&, int part, int parts);
    void answer_later(std::shared_ptr<transaction> const&);
    void signalled(arrived_signal);
    void stop_once();
    void stop(stop_action);
    void act(stop_action);
    void open_acts();
    void arm_user_timer(bool recurring);

    reactor_config const& config_;
    polling_world& world_;
    reactor reactor_;
    io_loop loop_;
    daemon server_;
    user_agent agent_;
    std::uint32_t handled_ = 0, answered_ = 0;
    std::uint32_t finished_ = 0;
    bool stopped_ = false, stop_called_ = false, free_open_ = true;
};

} // namespace shutdown_repro::server
