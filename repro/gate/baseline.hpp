// What a gate knows already: violations that don't fail it. A file that is committed; man/shutdown-repro-gate.5 describes it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "repro/gate/wilson.hpp"

namespace shutdown_repro::repro {

class located_value;

struct baseline {
    struct known { // written by --update-baseline
        std::string check, rule, fingerprint;
        rate counted;
    };
    struct exception {                        // written by people
        std::string check, rule, fingerprint; // fingerprint "": any
        std::string reason, expires;          // expires: "YYYY-MM-DD", the last day
    };
    std::string path;              // "" for none
    std::vector<known> current;    // sorted
    std::vector<exception> manual; // in the order of the file
};

// Throws input_error: file, line, and what it should be.
baseline load_baseline(std::string const& path);
baseline parse_baseline(std::string_view text, std::string const& path);
baseline baseline_from(located_value const& document, std::string const& path);
// The file: sorted, the same bytes for the same baseline.
std::string to_text(baseline const&);
// As a whole or not at all: a full disk keeps the old one. Throws trace_error, which says which file and why.
void save_baseline(baseline const&);

// Today in UTC, "YYYY-MM-DD"; SOURCE_DATE_EPOCH (seconds since 1970, reproducible-builds.org) says another day. Throws
// input_error when that is no number.
std::string today();

} // namespace shutdown_repro::repro
