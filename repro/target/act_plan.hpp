// What is done to a target. A stop is the default; the other acts are those that a server should survive.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shutdown_repro::repro {

struct server_request {
    std::string method = "GET", path = "/";
    int status = 200;                                              // the status that means ready
    std::vector<std::pair<std::string, std::string>> headers = {}; // besides those that each request has
    std::string body = {};
    bool empty() const { return path.empty(); }
    std::string in_words() const; // "/slow", "POST /store"
    friend bool operator==(server_request const&, server_request const&) = default;
};

enum class stop_method : std::uint8_t { signal, command, http };

// How a server is told something.
struct server_order {
    stop_method by = stop_method::signal;
    int signal = 15;                  // SIGTERM
    std::vector<std::string> command; // {pid} is replaced, too
    server_request http;
    std::string in_words() const; // "SIGQUIT", "a command", "POST /stop"
};

enum class act_kind : std::uint8_t {
    stop,
    reload,    // the server goes on with new settings, and maybe new processes
    upgrade,   // new processes take over from the old ones
    recycle,   // workers are replaced because of the traffic alone
    successor, // a second instance is started, and then the first is stopped
    none,      // traffic, and nothing else
};
std::span<std::string_view const> act_names(); // by act_kind
std::string_view name_of(act_kind);

struct act_plan {
    act_kind what = act_kind::stop;
    server_order order = {};               // of a reload or an upgrade
    std::optional<server_order> then = {}; // given to the first process once the new generation serves
    std::string effect = {};               // what must show that it took effect: "processes", "socket", "exec" or ""
    std::string answer = {};               // a path whose answer must differ after it; "" for none
    std::uint32_t times = 1;               // how often it is done, one after the other; workers of a recycle
    std::uint32_t requests = 0;            // requests after which a worker is recycled; 0 if not known
    bool listen_fds = false;               // both instances of a successor get the listening socket, as from systemd
    std::string in_words() const;          // "reload by SIGHUP"
};

// Returns the act with its defaults: SIGHUP for a reload, SIGUSR2 for an upgrade.
act_plan default_act(act_kind);

} // namespace shutdown_repro::repro
