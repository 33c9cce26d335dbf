#include "repro/target/placeholders.hpp"
#include <fstream>
#include <netinet/in.h>
#include <random>
#include <sys/socket.h>
#include <sys/un.h>
#include "repro/input/errors.hpp"
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {

std::string placeholders::filled(std::string text) const {
    for (auto const& [what, by] : known_)
        for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
            text.replace(at, what.size(), by);
    return text;
}

target::words placeholders::filled(target::words const& all) const {
    target::words out;
    for (std::string const& w : all) out.push_back(filled(w));
    return out;
}

target::words placeholders::environment(target::named_texts const& all) const {
    target::words out;
    for (auto const& [name, value] : all) out.push_back(name + "=" + filled(value));
    return out;
}

void placeholders::write(target::named_texts const& files, std::string const& folder) const {
    for (auto const& [name, text] : files) {
        std::string const path = folder + "/" + name;
        if (!(std::ofstream(path) << filled(text)).flush()) throw input_error("cannot write " + path);
    }
}

std::uint16_t free_port() {
    std::random_device source;
    for (int attempt = 0; attempt < 200; ++attempt) {
        auto const port = static_cast<std::uint16_t>(std::uniform_int_distribution<int>(16'000, 32'000)(source));
        unique_fd const s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_port = htons(port);
        if (bind(s.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0) return port;
    }
    throw input_error("found no free port from 16000 to 32000", inconclusive);
}

unique_fd listening_socket(std::uint16_t port) {
    unique_fd s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int const yes = 1;
    setsockopt(s.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(port);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!s || bind(s.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 || listen(s.get(), SOMAXCONN) != 0)
        throw input_error(
            "cannot listen on port " + std::to_string(port) + ", to hand the socket to the server", inconclusive);
    return s;
}

unique_fd listening_socket(std::string const& unix_path) {
    unique_fd s(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un here{};
    here.sun_family = AF_UNIX;
    bool const fits = unix_path.size() < sizeof here.sun_path;
    if (fits) unix_path.copy(here.sun_path, unix_path.size());
    if (!s || !fits || bind(s.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 ||
        listen(s.get(), SOMAXCONN) != 0)
        throw input_error("cannot listen on " + unix_path + ", to hand the socket to the server", inconclusive);
    return s;
}

} // namespace shutdown_repro::repro
