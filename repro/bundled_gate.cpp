// The gate that is there without a file. Each report is reproduced as it was reported, and once more on real sockets. The
// correct policy is explored exhaustively with the reports' handlers, and sampled with handlers that make it hard: among them
// are those with which each fault of tests/mutants shows that breaks the correct policy.
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

    {"scenario": {"scenario": "pipelined-forever", "policy": "drained", "requests": 4, "per_connection": 2, "pipelined": true, "together": false, "grace": 0,
                  "handlers": [{"act": "park", "delay": 10, "calls": ["stop"]}, {"act": "forever"}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "pipelined-throw", "policy": "drained", "requests": 4, "per_connection": 2, "pipelined": true, "together": false, "grace": 100,
                  "handlers": [{"act": "park", "delay": 10, "calls": ["stop"]}, {"act": "park", "delay": 10}, {"act": "throw_resume", "delay": 20}, {"act": "park", "delay": 10}]},
     "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "user-owns", "policy": "drained", "requests": 2, "grace": 20, "owner": "owns", "listener": "stop",
                  "handlers": [{"act": "park", "delay": 60, "calls": ["stop"]}, {"act": "park", "delay": 120}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "user-owns-unfreed", "policy": "drained", "requests": 2, "grace": 20, "owner": "owns", "listener": "stop", "free": "never",
                  "handlers": [{"act": "park", "delay": 60, "calls": ["stop"]}, {"act": "park", "delay": 120}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "another-reference", "policy": "drained", "requests": 2, "grace": 20, "owner": "extra",
                  "handlers": [{"act": "park", "delay": 60, "calls": ["stop"]}, {"act": "throw_cancel", "delay": 120}]},
     "stop": "handler", "free": "server.stopped#1", "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "free-alone", "policy": "drained", "requests": 2, "grace": 0, "stop": "never", "free": "coroutine.suspend#2",
                  "handlers": [{"act": "forever"}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "safe-forever", "policy": "drained", "requests": 2, "grace": 20, "safe": true,
                  "handlers": [{"act": "park", "delay": 60, "calls": ["stop"]}, {"act": "forever"}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "handler-frees", "policy": "drained", "requests": 2, "grace": 20, "free": "handler",
                  "handlers": [{"act": "park", "delay": 60, "calls": ["stop", "free"]}, {"act": "cleanup", "delay": 120}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "connection-scopes", "policy": "drained", "requests": 2, "grace": 20, "connection_scope": true,
                  "handlers": [{"act": "park", "delay": 60, "calls": ["stop"]}, {"act": "cleanup", "delay": 120}]}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "never-answered", "server": "reactor", "policy": "drained", "connections": 3, "handler": "never", "timer": "none", "when": "handler",
                  "what": "gsu", "grace": 0, "client_inactivity": 5000}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "never-answered-inactive", "server": "reactor", "policy": "drained", "connections": 2, "handler": "never", "timer": "none", "when": "timer",
                  "what": "gsu", "inactivity": 100}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "never-answered-patient", "server": "reactor", "policy": "drained", "connections": 2, "handler": "never", "timer": "none", "when": "timer",
                  "what": "gsu", "grace": 100, "client_inactivity": 20000}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "throws-late", "server": "reactor", "policy": "drained", "connections": 1, "handler": "throw_late", "timer": "none", "when": "timer",
                  "what": "gsu", "grace": 300, "client_inactivity": 5000}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "streams-at-once", "server": "reactor", "policy": "drained", "connections": 2, "handler": "stream", "timer": "none", "when": "handler",
                  "what": "gsu", "grace": 0}, "strategy": "auto", "executions": 2000, "expect": "clean"},
    {"scenario": {"scenario": "streams-to-the-end", "server": "reactor", "policy": "drained", "connections": 3, "handler": "stream", "timer": "oneshot", "when": "finish",
                  "what": "un"}, "strategy": "auto", "executions": 2000, "expect": "clean"},

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
