// Runs a cell: the steps of "main" of the measured host program, on the runtime alone.
#pragma once
#include "server_under_test/scopes/cell.hpp"
#include "server_under_test/scopes/delayed_disposal.hpp"
#include "server_under_test/scopes/handlers.hpp"
#include "server_under_test/worlds/control.hpp"

namespace shutdown_repro::server {

class cell_program final : public handler_host {
public:
    cell_program(runtime&, cell const&);
    void start();
    bool over() const { return rt_.alive() == 0; }
    // Called when nothing can run although coroutines are left: shuts the runtime down, once. Returns whether it did.
    bool stalled();

private:
    task main_body(coroutine&);
    task listen(coroutine&);
    void spawn_handler(std::uint32_t i);
    void spawn_handlers(bool at_once);
    void spawn_late();
    void cancel_server();
    void release_server();

    runtime& rt_;
    cell const& cell_;
    scope *main_scope_ = nullptr, *server_ = nullptr;
    struct alarm final : timer {
        cell_program* owner = nullptr;
    } shutdown_at_;
    delayed_disposal dispose_later_;
    bool stalled_once_ = false;
};

} // namespace shutdown_repro::server
