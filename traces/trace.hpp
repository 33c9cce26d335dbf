// A trace in memory: header, events, footer. A sink of the simulated world; the reader fills it for views. It owns its
// events and everything that they view. clear() keeps the capacity, so that exploration does not allocate memory for
// each execution.
#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

// A bump allocator for the data that events view. Moving it does not move the data.
class arena {
public:
    arena() = default;
    arena(arena&& from) noexcept { swap(from); }
    arena& operator=(arena&& from) noexcept {
        swap(from);
        return *this;
    }

    template <class T> std::span<T const> copy(std::span<T const> from) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (from.empty()) return {};
        T* to = static_cast<T*>(take(from.size_bytes(), alignof(T)));
        std::copy(from.begin(), from.end(), to);
        return {to, from.size()};
    }
    std::string_view copy(std::string_view from) {
        auto s = copy(std::span<char const>(from.data(), from.size()));
        return {s.data(), s.size()};
    }
    // Returns uninitialized memory, valid until clear().
    void* take(std::size_t bytes, std::size_t align) {
        std::size_t const at = (used_ + align - 1) & ~(align - 1);
        if (at + bytes > size_) return take_from_next(bytes);
        used_ = at + bytes;
        return block_ + at;
    }
    void clear() { enter(0); } // keeps its blocks for reuse

private:
    struct block {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size;
    };
    void* take_from_next(std::size_t bytes);
    void enter(std::size_t i);
    void swap(arena&) noexcept;

    std::vector<block> blocks_;
    std::size_t current_ = 0, used_ = 0, size_ = 0;
    std::byte* block_ = nullptr;
};

struct header {
    std::string scenario; // the scenario document, JSON text; "" when unknown
    std::string world;    // "live", "sim" or another word of the writer
    std::string schedule; // "" if the execution had no schedule
    std::string target;   // JSON text; "" for the bundled servers
    std::string tool;     // the program that wrote it, for people
    // The groups of facts that the writer records, separated by spaces ("scopes coroutines requests connections server
    // clients process"); "" if it does not say, so that rules rely on the events that they see.
    std::string observes;
    // The rules whose violations are only noted, separated by spaces: the user allows them for this server.
    std::string allow = {};
    std::string twin =
        {}; // JSON text: the nearest passing execution of a finding (trace, schedule, decision, taken, instead)
};

struct footer {
    std::uint64_t events = 0, dropped = 0;
    std::optional<int> exit_status; // exit status of the server process
    std::string signal;             // the signal that killed it, such as "SIGABRT"; "" for none
    std::string note;               // e.g. "interrupted"
};

struct trace final : sink {
    traces::header head;
    std::vector<event> events;
    std::optional<footer> foot;        // nullopt if the trace is cut short; it is then never clean
    std::vector<std::string> problems; // for people: a torn last line, a gap in the numbers …; empty if complete

    void put(event const& e) override { append(e); }
    event& append(event const&); // deep copy
    void clear();

private:
    arena memory_;
};

} // namespace shutdown_repro::traces
