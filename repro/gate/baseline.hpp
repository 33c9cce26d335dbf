// The baseline of a gate: known violations that do not fail it. Users commit the file; see man/shutdown-repro-gate.5.
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
        std::string check, rule, fingerprint; // fingerprint "" matches any
        std::string reason, expires;          // expires: "YYYY-MM-DD", the last valid day
    };
    std::string path;              // "" for none
    std::vector<known> current;    // sorted
    std::vector<exception> manual; // in the order of the file
};

// These throw input_error that names the file, the line and the expected value.
baseline load_baseline(std::string const& path);
baseline parse_baseline(std::string_view text, std::string const& path);
baseline baseline_from(located_value const& document, std::string const& path);
// Returns the text of the file: sorted, and the same bytes for the same baseline.
std::string to_text(baseline const&);
// Keeps other updates of the baseline away while it exists: load, change and save the baseline meanwhile, so that none
// is lost. Waits for the lock. Throws input_error when there is none, because the file system has no locks.
class baseline_lock {
public:
    explicit baseline_lock(std::string const& path);
    ~baseline_lock();
    baseline_lock(baseline_lock const&) = delete;

private:
    int folder_; // the file itself is replaced by each update, so the lock is on its folder
};
// Replaces the file as a whole or not at all: when the disk is full, the old one stays. Throws trace_error that names
// the file and the reason.
void save_baseline(baseline const&);

// Returns today's date in UTC as "YYYY-MM-DD", or the day of SOURCE_DATE_EPOCH (seconds since 1970; see
// reproducible-builds.org). Throws input_error when that is not a number.
std::string today();

} // namespace shutdown_repro::repro
