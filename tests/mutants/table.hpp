// The table of mutants: small faults that a developer could have written into the servers and that a shutdown can
// expose.
//
// A mutant is a block of lines; empty lines part the blocks, and a line that begins with '#' is a comment:
//
//     the-drain-waits-for-one-handler                  its name
//     in    policies.cpp                               the file of server_under_test/
//     fault it waits for the first handler, not all    what is wrong
//     rules cancelled-not-awaited                      who is expected to notice, if not "never-ended": a hint
//     shown pair-cleanup pair-spawn                    scenarios of scenarios.jsonl that can show it
//     needs a rule that looks at ...                   why nobody can find it yet; most have no such line
//     - if («all.population > 0») co_await             what stands there; exactly once in its file
//     + all.active > 0                                 what the mutant has instead; may be nothing
//
// The text between « and » is replaced; the rest of the lines only locates it. Without the marks everything is
// replaced. Text that ends in ';' or '}' is one statement or several; other text is an expression.
#pragma once
#include <string>
#include <vector>

namespace shutdown_repro::mutants {

struct mutant {
    int number = 0; // from 1 on, in the order of the table; 0 is the original
    std::string name, file, fault, needs;
    std::vector<std::string> rules, scenarios;
    std::string before, original, after; // before and after it only say where
    std::string replacement;
    // Found by a condition on the program itself ("rules insist"), which ends the process.
    bool ends_the_process() const { return rules == std::vector<std::string>{"insist"}; }
    bool is_statement() const { return original.ends_with(';') || original.ends_with('}'); }
};

// Throws std::runtime_error that names the line.
std::vector<mutant> read_table(std::string const& path);

} // namespace shutdown_repro::mutants
