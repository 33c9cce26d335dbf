// The program in a command that begins with env, nohup, npx or another program that only starts it.
#pragma once
#include <span>
#include <string>

namespace shutdown_repro::repro {

// Returns the file name of the first word that is the program itself, also of the only command in a script of `sh -c`;
// of the first word when that is not found. `command` is not empty.
std::string name_of_program(std::span<std::string const> command);

} // namespace shutdown_repro::repro
