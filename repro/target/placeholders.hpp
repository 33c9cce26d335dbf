// The placeholders in the texts of a target, such as {port}, and their values in this execution.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>
#include "repro/process/unique_fd.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

class placeholders {
public:
    void set(std::string const& name, std::string value) { known_.emplace_back("{" + name + "}", std::move(value)); }
    std::string filled(std::string text) const;
    target::words filled(target::words const&) const;
    target::words environment(target::named_texts const&) const; // returns NAME=VALUE words
    // Writes the files into the folder. Throws input_error.
    void write(target::named_texts const& files, std::string const& folder) const;

private:
    std::vector<std::pair<std::string, std::string>> known_;
};

// Returns a free port outside the range from which the kernel takes ports of clients, so that no client gets it by
// chance before the server binds it. Throws input_error.
std::uint16_t free_port();

// Returns a socket that listens on 127.0.0.1 at this port, or on this Unix path. Throws input_error.
unique_fd listening_socket(std::uint16_t port);
unique_fd listening_socket(std::string const& unix_path);

} // namespace shutdown_repro::repro
