// The trace as one page for a browser: self-contained, no network, readable without scripts and without styles.
// The pictures are SVG; a script only adds following, filtering and zooming. A trace is somebody else's text: nothing
// of it reaches the page but through html_text.hpp, and the page forbids itself every script but its own.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// One trace and what was judged of it. Views both.
struct html_side {
    traces::trace const& trace;
    std::span<violation const> violations;
    traces::verdict verdict = verdict::inconclusive;
    std::span<std::string const> problems = {}; // why it is not complete
    std::string name = {};                      // of its file
};

// Said under the title: a word, a sentence, and what unfolds from it.
struct html_fact {
    std::string word, sentence;
    std::string lead = {}; // what the following are, a line
    std::vector<std::pair<std::string, std::string>> more = {};
};

struct html_page {
    std::string title; // the scenario's name, or the file's
    html_side side;
    std::optional<html_side> twin = {}; // another execution, drawn beside it
    std::string again = {};             // the command that runs it again; "" when there is none
    std::vector<html_fact> facts = {};
};

// The whole document. A picture of many actors folds those that no violation concerns, and one of many events has no
// link and tooltip of its own for each event (the list below it has all of them).
std::string as_html(html_page const&);

} // namespace shutdown_repro::traces
