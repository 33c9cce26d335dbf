// Shell completion, derived from the parser: a subcommand or option that is declared there is completed without any
// code here. Each shell has a writer in a file of its own.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace shutdown_repro::cli {

// The candidates for one place of the command line. It has none for values that can't be guessed, such as numbers.
struct completion_value {
    std::string name; // as printed by --help: "SCENARIO"
    std::vector<std::string> words;
    bool files = false, folders = false;
    bool list = false; // several words separated by commas
};

struct option_completion {
    std::vector<std::string> names; // "--world", "-h"
    std::string summary;
    bool takes_value = false, repeats = false;
    completion_value value;
};

struct place_completion {
    completion_value value;
    bool repeats = false; // true if the value may be given several times, in this place and all that follow
};

struct command_completion {
    std::string name, summary; // the name is "" for the program itself
    std::vector<option_completion> options;
    std::vector<place_completion> places;
};

// The program comes first. The options of the program are repeated in each subcommand.
using command_completions = std::vector<command_completion>;
command_completions completions_of(CLI::App&);

std::string bash_completion(command_completions const&);
std::string zsh_completion(command_completions const&);
std::string fish_completion(command_completions const&);

} // namespace shutdown_repro::cli
