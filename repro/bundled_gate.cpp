// The gate that is there without a file. The correct policy is explored exhaustively; each report is reproduced as it was
// reported, and once more on real sockets.
#include "repro/gate_file.hpp"

namespace shutdown_repro::repro {

std::string_view bundled_gate_text() {
    return R"json({
  "format": "shutdown-repro/gate",
  "version": "1.0",
  "checks": [
    {"scenario": "scope-disposal", "expect": {"violated": ["scope-disposed-nonempty", "assertion-failed"]}},
    {"scenario": "scope-disposal-on-free", "expect": {"violated": ["scope-disposed-nonempty", "assertion-failed"]}},
    {"scenario": "lost-finish", "order": "client-first", "expect": {"violated": ["finish-event-lost"]}},
    {"scenario": "lost-timer", "order": "server-first", "expect": {"violated": ["timer-lost"]}},
    {"scenario": "quit-slow-request", "expect": {"violated": ["idle-connection-blocks-stop"]}},
    {"scenario": "quit-idle-connection", "expect": {"violated": ["idle-connection-blocks-stop"]}},
    {"scenario": "quit-connection-close", "expect": {"violated": ["timer-lost"]}},

    {"scenario": "scope-disposal", "policy": "drained", "strategy": "exhaustive", "executions": 100000, "expect": "clean"},
    {"scenario": "scope-disposal-on-free", "policy": "drained", "strategy": "exhaustive", "executions": 100000, "expect": "clean"},
    {"scenario": "lost-finish", "policy": "drained", "strategy": "exhaustive", "expect": "clean"},
    {"scenario": "lost-timer", "policy": "drained", "strategy": "exhaustive", "expect": "clean"},
    {"scenario": "quit-slow-request", "policy": "drained", "strategy": "exhaustive", "expect": "clean"},
    {"scenario": "quit-idle-connection", "policy": "drained", "strategy": "exhaustive", "expect": "clean"},
    {"scenario": "quit-connection-close", "policy": "drained", "strategy": "exhaustive", "expect": "clean"},

    {"scenario": "scope-disposal", "world": "live", "expect": {"violated": ["scope-disposed-nonempty", "crash-on-stop"]}},
    {"scenario": "lost-finish", "world": "live", "order": "client-first", "expect": {"violated": ["finish-event-lost"]}},
    {"scenario": "scope-disposal", "policy": "drained", "world": "live", "repeat": 3, "expect": "clean"},
    {"scenario": "lost-finish", "policy": "drained", "world": "live", "repeat": 3, "expect": "clean"}
  ]
}
)json";
}

gate_file bundled_gate() { return parse_gate(bundled_gate_text(), ""); }

} // namespace shutdown_repro::repro
