// Replaces a file atomically: a concurrent reader sees the old file or the new one, and a full disk leaves the old one.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

// `write` writes to a descriptor and returns 0 or an errno value. A symbolic link stays a link, and the file that it
// points to is replaced. A terminal, a pipe or a device is written directly. Throws trace_error, which names the file
// and the reason.
void replace_file(std::string const& path, std::function<int(int fd)> const& write);
void replace_file(std::string const& path, std::string_view text);

int write_all(int fd, std::string_view bytes); // returns 0, or the errno value of the failure
std::string cannot_write(std::string const& path, int error);

} // namespace shutdown_repro::traces
