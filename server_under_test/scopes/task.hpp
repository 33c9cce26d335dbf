// The body of a coroutine: a C++20 coroutine that starts suspended, is resumed by the runtime and ends with an outcome.
// Bodies can await each other (symmetric transfer). The owner of a body destroys its frame, suspended or not.
//
// Cancellation and I/O errors are return values, because they are normal in a server that stops. A C++ exception that
// leaves a body ends it as failed.
#pragma once
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <utility>
#include "server_under_test/worlds/frame_pool.hpp"

namespace shutdown_repro::server {

// How a coroutine ended.
enum class outcome : std::uint8_t { completed, cancelled, failed, never_ran };

class [[nodiscard]] task {
public:
    struct promise_type;
    using handle = std::coroutine_handle<promise_type>;

    task() = default;
    explicit task(handle h) : frame_(h) {}
    task(task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    task& operator=(task&& other) noexcept {
        if (this != &other) {
            reset();
            frame_ = std::exchange(other.frame_, {});
        }
        return *this;
    }
    ~task() { reset(); }

    explicit operator bool() const { return static_cast<bool>(frame_); }
    std::coroutine_handle<> entry() const { return frame_; }
    bool done() const { return frame_.done(); }
    outcome result() const;
    void reset() {
        if (frame_) std::exchange(frame_, {}).destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept;
    outcome await_resume() const { return result(); }

private:
    handle frame_;
};

struct task::promise_type {
    std::coroutine_handle<> caller;
    outcome result = outcome::failed;

    static void* operator new(std::size_t bytes) { return frame_pool::take(bytes); }
    static void operator delete(void* frame, std::size_t bytes) { frame_pool::give(frame, bytes); }
    task get_return_object() { return task{handle::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct to_caller {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(handle h) noexcept {
            std::coroutine_handle<> const caller = h.promise().caller;
            return caller ? caller : std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    to_caller final_suspend() noexcept { return {}; }
    void return_value(outcome o) { result = o; }
    void unhandled_exception() { result = outcome::failed; }
};

inline outcome task::result() const { return frame_.promise().result; }
inline std::coroutine_handle<> task::await_suspend(std::coroutine_handle<> caller) noexcept {
    frame_.promise().caller = caller;
    return frame_;
}

} // namespace shutdown_repro::server
