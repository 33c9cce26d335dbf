#include "repro/steer/calls.hpp"
#include <algorithm>
#include <iterator>
#include <sys/syscall.h>

namespace shutdown_repro::repro::steer {
namespace {

constexpr steered_call all_steered[] = {
    {SYS_read, call_kind::read},
    {SYS_readv, call_kind::read},
    {SYS_preadv2, call_kind::read},
    {SYS_recvfrom, call_kind::read},
    {SYS_recvmsg, call_kind::read},
    {SYS_recvmmsg, call_kind::read},
    {SYS_write, call_kind::write},
    {SYS_writev, call_kind::write},
    {SYS_pwritev2, call_kind::write},
    {SYS_sendto, call_kind::write},
    {SYS_sendmsg, call_kind::write},
    {SYS_sendmmsg, call_kind::write},
    {SYS_sendfile, call_kind::write},
    {SYS_splice, call_kind::write},
    {SYS_accept, call_kind::accept},
    {SYS_accept4, call_kind::accept},
    {SYS_connect, call_kind::connect},
    {SYS_close, call_kind::close},
    {SYS_shutdown, call_kind::shutdown},
    {SYS_epoll_wait, call_kind::epoll},
    {SYS_epoll_pwait, call_kind::epoll},
    {SYS_epoll_pwait2, call_kind::epoll},
    {SYS_poll, call_kind::poll},
    {SYS_ppoll, call_kind::poll},
    {SYS_select, call_kind::select},
    {SYS_pselect6, call_kind::select},
    {SYS_fork, call_kind::fork},
    {SYS_vfork, call_kind::fork},
    {SYS_clone, call_kind::fork},
    {SYS_clone3, call_kind::fork},
    {SYS_exit_group, call_kind::exit},
    {SYS_io_uring_setup, call_kind::foreign},
    {SYS_io_submit, call_kind::foreign},
    {SYS_seccomp, call_kind::foreign},
};

} // namespace

std::span<steered_call const> steered_calls() { return all_steered; }

steered_call const* find_call(int number) {
    auto const it = std::ranges::find(all_steered, number, &steered_call::number);
    return it == std::end(all_steered) ? nullptr : &*it;
}

} // namespace shutdown_repro::repro::steer
