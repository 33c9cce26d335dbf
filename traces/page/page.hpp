// Writes a trace as one HTML page. The page is self-contained, needs no network, and is readable without scripts and
// styles. The picture is SVG; the script only adds following, filtering and zooming. The text of a trace is untrusted:
// all of it goes through html_text.hpp, and the page allows no script but its own.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// A trace and its violations. Views both.
struct html_side {
    traces::trace const& trace;
    std::span<violation const> violations;
    traces::verdict verdict = verdict::inconclusive;
    std::span<std::string const> problems = {}; // why the trace is incomplete
    std::string name = {};                      // name of its file
};

// A fact shown under the title: a word, a sentence, and details that can be unfolded.
struct html_fact {
    std::string word, sentence;
    std::string lead = {}; // a line that introduces the details
    std::vector<std::pair<std::string, std::string>> more = {};
};

struct html_page {
    std::string title; // name of the scenario or of the file
    html_side side;
    std::optional<html_side> twin = {}; // another execution to show beside it
    std::string again = {};             // the command that runs it again; "" for none
    std::vector<html_fact> facts = {};
};

// Returns the whole document. If there are many actors, those that no violation concerns share lanes. If there are many
// events, they have no links and tooltips in the picture; the list below it has all of them.
std::string as_html(html_page const&);

} // namespace shutdown_repro::traces
