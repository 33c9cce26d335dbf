#include "server_under_test/reactor/serve_reactor.hpp"
#include <random>
#include <stdexcept>
#include "server_under_test/reactor/program.hpp"
#include "server_under_test/reactor/signal_sender.hpp"
#include "server_under_test/worlds/poll_world.hpp"

namespace shutdown_repro::server {

std::uint64_t serve_reactor(reactor_config const& c, traces::sink& to) {
    signal_sender signals(c, to);
    traces::nanoseconds clock = 0;
    traces::recorder record(signals, clock);
    poll_world world(record, clock, std::random_device()());
    signals.world = &world;
    world.take_signals();

    reactor_program program(world, c);
    std::string error;
    program.run(error);
    if (!error.empty()) throw std::runtime_error(error);
    return record.next();
}

} // namespace shutdown_repro::server
