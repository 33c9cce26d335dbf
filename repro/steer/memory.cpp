#include "repro/steer/memory.hpp"
#include <sys/uio.h>

namespace shutdown_repro::repro::steer {

bool read_memory(int tid, std::uint64_t address, void* to, std::size_t bytes) {
    iovec here{to, bytes}, there{reinterpret_cast<void*>(address), bytes};
    return process_vm_readv(tid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

bool write_memory(int tid, std::uint64_t address, void const* from, std::size_t bytes) {
    iovec here{const_cast<void*>(from), bytes}, there{reinterpret_cast<void*>(address), bytes};
    return process_vm_writev(tid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

} // namespace shutdown_repro::repro::steer
