// What an execution knows of an act other than a stop, while it watches it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "repro/clients/probe_clients.hpp"
#include "repro/probe/controls.hpp"
#include "repro/probe/generations.hpp"
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {

struct act_state {
    explicit act_state(process_tree const& tree) : processes(tree) {}

    generations processes;
    traces::nanoseconds began = 0, looked = 0;
    traces::nanoseconds effect_at = 0;       // when its effect was seen; 0 before
    traces::nanoseconds replaced_at = 0;     // when no old process that listened was left
    std::size_t clients_before = 0;          // clients that were there when it began
    std::vector<std::uint64_t> listening;    // as of the latest look
    traces::nanoseconds listener_closed = 0; // when a look found that one of them was closed
    bool ignored = false;                    // its signal is ignored by the first process
    bool changed = false;                    // the answer that the target names has changed
    bool compared = false;                   // that answer came at least once since it began
    std::optional<answer_control> before;    // that answer, before the act
    std::unique_ptr<probe_client> asker;
    traces::nanoseconds asked_at = 0;
    traces::nanoseconds answer_took = 0;      // before the act
    std::unique_ptr<child_process> successor; // reaped by the process tree
    std::string successor_said;               // the last line of its output, not complete yet
    std::string successor_last_line;
    bool successor_logged = false; // it wrote the line that says it is ready
};

} // namespace shutdown_repro::repro
