// Memory for short-lived objects: coroutine frames, and objects of a connection or a request.
#pragma once
#include <cstddef>
#include <new>
#include <string>
#include <vector>

namespace shutdown_repro::server {

// Recycles frames by size: an exploration creates a handful of them 10^5 times a second. Sanitizer builds use no pool,
// because a pool hides use after free.
class frame_pool {
public:
    static void* take(std::size_t bytes) {
#ifndef SHUTDOWN_REPRO_NO_POOL
        std::size_t const c = (bytes + step - 1) / step;
        if (c >= classes) return ::operator new(bytes);
        if (node* n = free_[c]) {
            free_[c] = n->next;
            return n;
        }
        return ::operator new(c* step);
#else
        return ::operator new(bytes);
#endif
    }
    static void give(void* frame, std::size_t bytes) {
#ifndef SHUTDOWN_REPRO_NO_POOL
        std::size_t const c = (bytes + step - 1) / step;
        if (c >= classes) return ::operator delete(frame, bytes);
        free_[c] = new (frame) node{free_[c]};
#else
        ::operator delete(frame, bytes);
#endif
    }

private:
    struct node {
        node* next;
    };
    static constexpr std::size_t step = 64, classes = 32;
    static inline thread_local constinit node* free_[classes] = {};
};

// A base class for small objects with the lifetime of a connection or a request.
struct pooled {
    static void* operator new(std::size_t bytes) { return frame_pool::take(bytes); }
    static void operator delete(void* object, std::size_t bytes) { frame_pool::give(object, bytes); }
};

// An allocator for containers with that lifetime.
template <class T> struct pooled_allocator {
    using value_type = T;
    pooled_allocator() = default;
    template <class U> pooled_allocator(pooled_allocator<U> const&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(frame_pool::take(n * sizeof(T))); }
    void deallocate(T* memory, std::size_t n) { frame_pool::give(memory, n * sizeof(T)); }
    friend bool operator==(pooled_allocator, pooled_allocator) { return true; }
};
template <class T> using pooled_vector = std::vector<T, pooled_allocator<T>>;
using pooled_string = std::basic_string<char, std::char_traits<char>, pooled_allocator<char>>;

} // namespace shutdown_repro::server
