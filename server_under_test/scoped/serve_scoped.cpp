#include "server_under_test/scoped/serve_scoped.hpp"
#include <stdexcept>
#include "server_under_test/scoped/scoped_server.hpp"
#include "server_under_test/worlds/tcp_world.hpp"

namespace shutdown_repro::server {

std::uint64_t serve_scoped(config const& c, std::uint32_t connections, traces::sink& to) {
    control points(c.stop_at, c.free_at, to);
    traces::nanoseconds clock = 0;
    traces::recorder record(points, clock);
    tcp_world world(record, clock);
    world.stop_on_signals();

    {
        runtime rt(world);
        scoped_server under_test(rt, c);
        if (connections) under_test.gather(connections);
        std::string error;
        if (!under_test.start(error)) throw std::runtime_error(error);
        auto const over = [&] { return under_test.over(); };
        while (world.run(points, under_test, over) == tcp_world::end::nothing_left && under_test.stalled()) {}
    }
    return record.next();
}

} // namespace shutdown_repro::server
