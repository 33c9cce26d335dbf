#include "repro/steer/filter.hpp"
#include <cstddef>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include "repro/steer/calls.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::uint32_t x32_bit = 0x40000000;

sock_filter statement(unsigned code, std::uint32_t operand) {
    return {static_cast<std::uint16_t>(code), 0, 0, operand};
}

sock_filter jump(unsigned test, std::uint32_t operand, std::uint8_t if_true, std::uint8_t if_false) {
    return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), if_true, if_false, operand};
}

sock_filter load(std::size_t offset) { return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
sock_filter notify() { return statement(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF); }
sock_filter allow() { return statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }

} // namespace

std::vector<sock_filter> filter_program() {
    std::vector<sock_filter> p;
    auto const add = [&](std::initializer_list<sock_filter> more) { p.insert(p.end(), more); };
    add({load(offsetof(seccomp_data, arch)), jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0), notify()});
    add({load(offsetof(seccomp_data, nr)), jump(BPF_JSET, x32_bit, 0, 1), notify()});
    // A new thread passes. Of clone3 the flags are in memory, which a filter can't read.
    add({jump(BPF_JEQ, SYS_clone, 0, 4), load(offsetof(seccomp_data, args[0])), jump(BPF_JSET, CLONE_THREAD, 0, 1),
        allow(), notify()});
    for (steered_call const& call : steered_calls())
        add({jump(BPF_JEQ, static_cast<std::uint32_t>(call.number), 0, 1), notify()});
    add({allow()});
    return p;
}

} // namespace shutdown_repro::repro::steer
