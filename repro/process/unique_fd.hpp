// A file descriptor with one owner.
#pragma once
#include <unistd.h>
#include <utility>

namespace shutdown_repro::repro {

// Closes its file descriptor when it is destroyed or assigned to. A negative number stands for none.
class unique_fd {
public:
    explicit unique_fd(int fd = -1) : fd_(fd) {}
    unique_fd(unique_fd&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
    unique_fd& operator=(unique_fd&& from) noexcept {
        std::swap(fd_, from.fd_);
        return *this;
    }
    ~unique_fd() { close(); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

} // namespace shutdown_repro::repro
