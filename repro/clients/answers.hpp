// What a server answers to a request without any stop. Its answers across a stop are compared with that.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include "repro/target/target.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

// A response to a request without any stop.
struct answer_control {
    int status = 0;
    std::uint64_t body = 0, digest = 0; // bytes, and their digest
    bool framed = true;                 // a length or chunks delimit the body
};

// The same request twice, one after the other.
struct url_control {
    target::http_request asked;
    std::optional<answer_control> answer = {};    // the first; nothing when it was not answered
    bool same_length = false, same_bytes = false; // of the two answers
    traces::nanoseconds took = 0;
    std::string trouble = {}; // why no probe can be judged by this path; "" when it can
    std::string told = {};    // for reports: "200, 2 bytes, 703 ms"
};

} // namespace shutdown_repro::repro
