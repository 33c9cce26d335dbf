// Reads texts and requests in target files. All functions throw input_error.
#pragma once
#include <string>
#include "repro/input/located_json.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro::target_values {

std::string one_line(located_value const&);
std::string text_of(located_value const&); // a text, or a list of its lines

target::http_request request(located_value const&);           // an object
target::http_request readiness_request(located_value const&); // an object that may have a status
target::http_request url(located_value const&);               // a path, or an object
target::http_request upload_url(located_value const&);        // the same; a POST of 64 KiB unless it says otherwise

} // namespace shutdown_repro::repro::target_values
