// Whether a preset's server can be tested on this machine.
#pragma once
#include <optional>
#include <string>
#include "repro/target/target.hpp"
#include "tests/skip.hpp"

namespace shutdown_repro::tests {

// The version of a preset's server. nullopt, and the test is skipped, when it is not installed or has a version that
// the preset was not tried with: what is expected of it was measured, and another version may stop differently.
inline std::optional<std::string> tried_version(std::string const& name) {
    repro::target const t = repro::load_target(name);
    auto const version = installed_version(t);
    if (!version) skip(name + " is not installed (apt-get install " + t.package + ")");
    else if (!t.tried(*version)) skip(name + " " + *version + " is installed, with which its preset was not tried");
    else return version;
    return std::nullopt;
}

inline bool installed(std::string const& name) { return tried_version(name).has_value(); }

} // namespace shutdown_repro::tests
