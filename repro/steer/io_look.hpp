// What a call on a connection would do now. The call itself is performed by the kernel, except accept.
#pragma once
#include <string>
#include <string_view>
#include "repro/steer/held_call.hpp"

namespace shutdown_repro::repro::steer {

struct io_look {
    // "read", "write", "accept", "connect", "close", "shutdown", "exit"; "peek", "eof", "read-error"; with "-again"
    // when it finds nothing.
    std::string verb;
    std::uint64_t bytes = 0;  // that are read, or offered for writing
    std::uint64_t unread = 0; // bytes that a close leaves unread
    // Calls that find nothing have names of their own, so that how many there are changes no other name, and they are
    // no stop points.
    bool counts() const { return !verb.ends_with("-again"); }
};
// `fd`: a duplicate of the descriptor of the call. Looking takes a pending error from the socket, which is kept in the
// call: it has to be answered with it.
io_look look_at(held_call&, int fd);
int descriptor_of(notification const&, call_kind); // in the process

} // namespace shutdown_repro::repro::steer
