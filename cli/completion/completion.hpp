// What a shell completes, read off the parser: a subcommand or option that is declared there is completed without a word here.
// Each shell's writer is one file.
#pragma once
#include <string>
#include <vector>

namespace shutdown_repro::cli {

// What can stand in one place of the command line. Nothing of all: something that nobody can guess, such as a number.
struct completion_value {
    std::string name; // as help prints it: "SCENARIO"
    std::vector<std::string> words;
    bool files = false, folders = false;
    bool list = false; // several words with commas between
};

struct completed_option {
    std::vector<std::string> names; // "--world", "-h"
    std::string summary;
    bool takes_value = false, repeats = false;
    completion_value value;
};

struct completed_place {
    completion_value value;
    bool repeats = false; // it and all that follow
};

struct completed_command {
    std::string name, summary; // name "": the program itself
    std::vector<completed_option> options;
    std::vector<completed_place> places;
};

// The program first; each subcommand has the program's options, too.
using completed_commands = std::vector<completed_command>;

std::string bash_completion(completed_commands const&);
std::string zsh_completion(completed_commands const&);
std::string fish_completion(completed_commands const&);

} // namespace shutdown_repro::cli
