// What stands in braces in the texts of a target, such as {port}, and what it means in this execution.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

class placeholders {
public:
    void set(std::string const& name, std::string value) { known_.emplace_back("{" + name + "}", std::move(value)); }
    std::string filled(std::string text) const;
    target::words filled(target::words const&) const;
    target::words environment(target::named_texts const&) const; // NAME=VALUE each
    // Into the folder. Throws input_error.
    void write(target::named_texts const& files, std::string const& folder) const;

private:
    std::vector<std::pair<std::string, std::string>> known_;
};

// Outside of the range from which the kernel takes the ports of clients, so that nobody gets it meanwhile by chance. Throws
// input_error.
std::uint16_t free_port();

} // namespace shutdown_repro::repro
