// The system calls that are steered: those that touch a connection or wait for one, and those that change which
// processes there are.
#pragma once
#include <cstdint>
#include <span>

namespace shutdown_repro::repro::steer {

enum class call_kind : std::uint8_t {
    accept,
    read,
    write,
    connect,
    close,
    shutdown,
    epoll,   // waits: epoll_wait and its forms
    poll,    // poll, ppoll
    select,  // select, pselect6
    fork,    // a new process or thread
    exit,    // of the whole process
    foreign, // I/O on connections that goes past the other calls, such as io_uring
};
constexpr bool is_wait(call_kind k) { return k == call_kind::epoll || k == call_kind::poll || k == call_kind::select; }

struct steered_call {
    int number;
    call_kind kind;
};
std::span<steered_call const> steered_calls();
steered_call const* find_call(int number); // null for a call that is not steered

} // namespace shutdown_repro::repro::steer
