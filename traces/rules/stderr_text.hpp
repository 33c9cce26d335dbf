// Finds failed assertions, as common runtimes print them, and sanitizer reports in the stderr of a server.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::traces {

struct failed_assertion {
    std::string message;   // the text inside the condition, or else the condition
    std::string where;     // "scope.c:1189", or "" if unknown
    std::string line = {}; // the complete line
    // The runtime that prints such a line aborts the process, unless the program repeats what another one printed. An
    // exception can be caught, and the process goes on.
    bool ends_process = false;
};
std::vector<failed_assertion> assertions_in(std::string_view text);

struct sanitizer_report {
    std::string text; // "AddressSanitizer: heap-use-after-free on address …"
    // Nothing is before it. Otherwise the program may repeat what another one printed ("from box7: ==812==ERROR: …").
    bool begins_line = true;
    friend bool operator==(sanitizer_report const&, sanitizer_report const&) = default;
};
// Finds the reports as the sanitizers print them. A supervisor may put the name of a service before each line
// ("app-1  | ").
std::vector<sanitizer_report> sanitizer_reports_in(std::string_view text);

} // namespace shutdown_repro::traces
