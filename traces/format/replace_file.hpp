// A file is written whole or not at all: whoever reads it meanwhile sees the old one or the new one, and a full disk
// keeps the old one.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

// `write` gets a descriptor and gives 0 or the error. A symbolic link stays: what it points to is replaced. A terminal,
// a pipe or a device is written to as it is. Throws trace_error, which says which file and why.
void replace_file(std::string const& path, std::function<int(int fd)> const& write);
void replace_file(std::string const& path, std::string_view text);

int write_all(int fd, std::string_view bytes); // everything, or the error that kept it from being written
std::string cannot_write(std::string const& path, int error);

} // namespace shutdown_repro::traces
