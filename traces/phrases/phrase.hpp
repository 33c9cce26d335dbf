// Describes one event in words: one function for each kind, all in one table. Any detail may be missing, because other
// tools also write traces.
#pragma once
#include <string>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

// Describes an event without its time, number and kind: "scope:1 loses a reference: refs 1 → 0".
std::string phrase(event const&);

// Returns the value of a detail in words.
std::string in_words(value const&);

// Returns the name of the kind, also of one that this version does not know.
std::string_view kind_text(event const&);

} // namespace shutdown_repro::traces
