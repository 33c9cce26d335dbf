// The memory of a steered process.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace shutdown_repro::repro::steer {

// Each returns false when not all of it could be read or written.
bool read_memory(int tid, std::uint64_t address, void* to, std::size_t bytes);
bool write_memory(int tid, std::uint64_t address, void const* from, std::size_t bytes);

template <class T> bool read_object(int tid, std::uint64_t address, T& to) {
    return read_memory(tid, address, &to, sizeof to);
}
template <class T> bool read_array(int tid, std::uint64_t address, std::vector<T>& to) {
    return to.empty() || read_memory(tid, address, to.data(), to.size() * sizeof(T));
}
template <class T> bool write_array(int tid, std::uint64_t address, std::vector<T> const& from) {
    return from.empty() || write_memory(tid, address, from.data(), from.size() * sizeof(T));
}

} // namespace shutdown_repro::repro::steer
