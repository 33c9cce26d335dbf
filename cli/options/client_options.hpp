// The options of `run` that say what a real server's clients ask for, when it is ready, and what is right for it: each
// has a field of the same meaning in a target file.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

struct client_options {
    std::string upload, large;
    std::vector<std::string> ready; // "/health", "log:TEXT", "workers:2", "within:5000", "command:WORDS"
    std::vector<std::string> allow; // rules
    std::vector<int> exit;          // statuses
    std::optional<std::int64_t> accepts_for_ms;
    bool strict = false; // strict probes decide the exit status, too
};

void add_client_options(CLI::App&, client_options&); // `client_options` must stay valid

// Puts what was given into the target. Throws input_error that names the option.
void apply(client_options const&, repro::target&);
// Returns each option that was given, as a word and its value ("" for a flag), for the command line that does the same.
std::vector<std::pair<std::string, std::string>> given(client_options const&);

// Reads "/slow" or "POST /slow". Everything that the text does not say is as in `usual`. Throws input_error.
repro::target::http_request request_option(
    char const* flag, std::string const& text, repro::target::http_request usual = {});

} // namespace shutdown_repro::cli
