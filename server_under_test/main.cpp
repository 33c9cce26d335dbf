// server-under-test: runs a bundled server on real TCP, in a process of its own because the server may crash.
//
//     server-under-test --config JSON|@FILE --trace FILE [--ready-fd N]
//
// The field "server" of the config selects the server: "scoped", the default, or "reactor". Once the server listens, it
// writes its port and a newline to descriptor N. The exit status is 0 when the server has ended, and 2 when it could
// not be started, with the reason on stderr. Each event is written to the trace file before the next one happens.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>
#include "server_under_test/reactor/serve_reactor.hpp"
#include "server_under_test/scoped/serve_scoped.hpp"
#include "server_under_test/worlds/server_kind.hpp"
#include "server_under_test/worlds/world_kind.hpp"
#include "traces/format/jsonl.hpp"

namespace {

using namespace shutdown_repro;

constexpr std::string_view usage = "usage: server-under-test --config JSON|@FILE --trace FILE [--ready-fd N]";

struct arguments {
    std::string config, trace;
    std::optional<int> ready_fd;
};

arguments parse(int argc, char** argv) {
    arguments given;
    for (int i = 1; i < argc; i += 2) {
        std::string_view const name = argv[i];
        if (i + 1 == argc) throw std::runtime_error(std::string(usage));
        std::string const value = argv[i + 1];
        if (name == "--config") given.config = value;
        else if (name == "--trace") given.trace = value;
        else if (name == "--ready-fd") {
            int fd = -1;
            auto const [end, failed] = std::from_chars(value.data(), value.data() + value.size(), fd);
            if (failed != std::errc{} || end != value.data() + value.size() || fd < 0)
                throw std::runtime_error("--ready-fd must be a descriptor, not \"" + value + "\"");
            given.ready_fd = fd;
        } else throw std::runtime_error("unknown option \"" + std::string(name) + "\"; " + std::string(usage));
    }
    if (given.config.empty() || given.trace.empty()) throw std::runtime_error(std::string(usage));
    return given;
}

nlohmann::json read_config(std::string const& given) {
    if (given.front() != '@') return nlohmann::json::parse(given);
    std::ifstream file(given.substr(1));
    if (!file) throw std::runtime_error("cannot read " + given.substr(1));
    return nlohmann::json::parse(file);
}

// Passes events to the file, and writes the port to the ready descriptor once the server listens.
class announcer final : public traces::sink {
public:
    announcer(traces::file_sink& to, std::optional<int> fd) : to_(to), fd_(fd) {}
    void put(traces::event const& e) override {
        to_.put(e);
        if (to_.dropped()) give_up();
        if (e.what == traces::kind::server_listen && fd_) announce(e.integer("port"));
    }

private:
    // A server that continues without being recorded would look idle. This is not an exception, because a handler could
    // catch it.
    [[noreturn]] void give_up() {
        std::cerr << to_.error() << std::endl;
        std::_Exit(2);
    }
    void announce(std::int64_t port) {
        std::string const line = std::to_string(port) + "\n";
        [[maybe_unused]] auto const written =
            ::write(*fd_, line.data(), line.size()); // an error means that the reader has gone
        ::close(*fd_);
        fd_.reset();
    }
    traces::file_sink& to_;
    std::optional<int> fd_;
};

void use_all_descriptors() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// A bundled server.
struct bundled_server {
    server::server_kind kind;
    std::uint64_t (*serve)(nlohmann::json const& config, traces::sink&); // runs it; returns the number of events
};

constexpr bundled_server servers[] = {
    {server::server_kind::scoped,
        [](nlohmann::json const& config, traces::sink& to) {
            return server::serve_scoped(server::config_from_json(config), config.value("connections", 0u), to);
        }},
    {server::server_kind::reactor,
        [](nlohmann::json const& config, traces::sink& to) {
            return server::serve_reactor(server::reactor_config_from_json(config), to);
        }},
};

bundled_server const& server_of(nlohmann::json const& config) {
    auto wanted = server::server_kind::scoped;
    server::read_word(config, "server", wanted);
    auto const found = std::ranges::find(servers, wanted, &bundled_server::kind);
    if (found == std::end(servers))
        throw std::runtime_error("\"server\" must be \"scoped\" or \"reactor\": scopes alone have no process");
    return *found;
}

int serve(arguments const& given) {
    nlohmann::json const config = read_config(given.config);
    bundled_server const& wanted = server_of(config);
    traces::file_sink file(given.trace);
    traces::header head;
    head.world = server::word_of(server::world_kind::live);
    head.tool = "server-under-test";
    head.observes = observed_by(wanted.kind);
    file.head(head);
    announcer to_file(file, given.ready_fd);

    traces::footer foot;
    foot.events = wanted.serve(config, to_file);
    foot.dropped = file.dropped();
    foot.exit_status = 0;
    file.foot(foot);
    if (!file.error().empty()) throw std::runtime_error(file.error());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    use_all_descriptors();
    try {
        return serve(parse(argc, argv));
    } catch (std::exception const& wrong) {
        std::cerr << wrong.what() << '\n';
        return 2;
    }
}
