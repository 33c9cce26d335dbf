// What a server's stderr says of its own death: failed assertions as the common runtimes print them, and sanitizer
// reports.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::traces {

struct failed_assertion {
    std::string message;   // the text inside the condition where there is one, else the condition
    std::string where;     // "scope.c:1189", "" when it was not said
    std::string line = {}; // as printed
};
std::vector<failed_assertion> assertions_in(std::string_view text);

// "AddressSanitizer: heap-use-after-free on address …", one for each report.
std::vector<std::string> sanitizer_reports_in(std::string_view text);

} // namespace shutdown_repro::traces
