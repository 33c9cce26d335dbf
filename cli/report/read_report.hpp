// Reads back the documents that --json prints. All functions throw input_error that names file, line and field.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "repro/explore/strategy.hpp"
#include "repro/gate/gate.hpp"
#include "repro/input/located_json.hpp"

namespace shutdown_repro::cli {

[[noreturn]] void fail(std::string const& path, std::string const& problem);

// Reads a report and checks that it is of this format and program version, and not of a run that failed.
repro::located_document read_report(std::string const& path);

// Reads back what as_json wrote for a gate; explored.hpp has the same for an exploration.
repro::gate_result gate_from(repro::located_document const&);

// Read a field of a report.
repro::located_value field(repro::located_value const&, std::string_view name);
std::string text_of(repro::located_value const&, std::string_view name);
std::string text_or_none(repro::located_value const&, std::string_view name);
std::vector<std::string> texts_of(repro::located_value const&, std::string_view name);
constexpr std::int64_t most_counted = 1'000'000'000'000;
std::uint64_t count_of(
    repro::located_value const&, std::string_view name, std::int64_t least = 0, std::int64_t most = most_counted);
bool flag_of(repro::located_value const&, std::string_view name);
traces::severity severity_of(repro::located_value const&); // its "severity"
repro::share shard_of(repro::located_value const&);        // a "shard"

} // namespace shutdown_repro::cli
