// Names the steps of a server and records them as events. Names are counted for each connection and each process, so
// that they stay the same when another connection takes more or fewer steps: client:2.read#1, listen.accept#2,
// process:1.told#5, quiet#3.
#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include "repro/steer/io_look.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro::steer {

// The request that a client waits for, if any.
struct asked_request {
    traces::ref id = {};
    std::uint64_t bytes = 0; // 0 unless all of it was sent
};
using request_lookup = std::function<asked_request(std::uint32_t client)>;

class steps {
public:
    steps(traces::recorder& record, traces::nanoseconds& clock, request_lookup request_of)
        : record_(record),
          clock_(clock),
          request_of_(std::move(request_of)) {}

    // Returns the name that the next step of this kind will have: "client:2.read#1" for "client:2.read".
    std::string next(std::string const& what) const;
    // Each records a step and counts it.
    void io(held_call const&, io_look const&, endpoint const& accepted = {});
    void told(traces::ref process, std::span<ready_event const>);
    void of_process(traces::ref process, std::string_view verb, std::string_view detail = {});
    void quiet(std::string_view what_follows);

    static std::string what(held_call const&, io_look const&);                  // "client:2.read"
    static std::string what(traces::ref process, std::span<ready_event const>); // "process:1.told"

private:
    std::string take(std::string const& what);
    void emit(traces::kind, traces::ref id, traces::ref by, std::span<traces::field const>);
    traces::recorder& record_;
    traces::nanoseconds& clock_;
    request_lookup request_of_;
    std::map<std::string, std::uint64_t> taken_;
};

} // namespace shutdown_repro::repro::steer
