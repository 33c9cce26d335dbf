#include "server_under_test/reactor/stream.hpp"
#include <utility>

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;

namespace {
constexpr std::size_t most_at_once = 131'072;
}

reactor_stream::reactor_stream(reactor& r, descriptor h, traces::ref owner, std::string name)
    : on_(r),
      socket_(h),
      id_(r.trace().fresh(entity::stream)),
      owner_(owner),
      name_(std::move(name)) {
    on_.trace().emit(kind::stream_open, id_, owner_);
}

reactor_stream::~reactor_stream() {
    if (socket_ != no_descriptor) on_.world().close(socket_);
}

void reactor_stream::start() {
    on_.io(socket_, owner_, name_, [weak = weak_from_this()](bool writable) {
        if (auto const self = weak.lock()) writable ? self->writable() : self->readable();
    });
}

void reactor_stream::timeout(std::int64_t milliseconds, std::string_view what) {
    if (timer_) on_.remove_timer(std::exchange(timer_, 0));
    if (milliseconds == 0) return;
    timer_ = on_.timer(
        milliseconds * traces::millisecond, what, std::string(what) + " of " + name_,
        [weak = weak_from_this()] {
            auto const self = weak.lock();
            if (!self) return;
            traces::seq_t const inactive = self->on_.trace().emit(kind::stream_timeout, self->id_, self->owner_);
            traces::recorder::because_of const timed_out(self->on_.trace(), inactive);
            if (self->on_timeout) self->on_timeout();
            self->close("timeout");
        },
        false, id_);
}

void reactor_stream::active() {
    if (timer_) on_.again(timer_);
}

void reactor_stream::write(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.empty()) return;
    on_.trace().emit(
        kind::stream_queue, id_, owner_, {{"bytes", static_cast<std::uint64_t>(bytes.size())}, {"drain", false}});
    if (socket_ != no_descriptor) on_.watch(socket_, true, true);
}

void reactor_stream::write(std::string_view bytes, reactor::callback on_drain) {
    buffer_ += bytes;
    traces::seq_t const queued = on_.trace().emit(
        kind::stream_queue, id_, owner_, {{"bytes", static_cast<std::uint64_t>(bytes.size())}, {"drain", true}});
    drain_.push_back({std::move(on_drain), queued});
    if (socket_ != no_descriptor) on_.watch(socket_, true, true);
}

bool reactor_stream::arrived() const {
    interest i{.on = socket_, .read = true};
    return socket_ != no_descriptor && on_.world().poll({&i, 1}, 0) && i.readable;
}

void reactor_stream::readable() {
    std::string bytes(most_at_once, '\0');
    io_result const r = on_.world().read(socket_, bytes);
    if (r.status == io::would_block) return;
    if (r.status != io::ok) return close("peer_eof");
    bytes.resize(r.bytes);
    traces::seq_t const read =
        on_.trace().emit(kind::stream_read, id_, owner_, {{"bytes", static_cast<std::uint64_t>(r.bytes)}});
    {
        traces::recorder::because_of const arrival(on_.trace(), read);
        if (on_read) on_read(bytes);
    }
    active();
}

void reactor_stream::writable() {
    if (!buffer_.empty()) {
        io_result const r = on_.world().write(socket_, buffer_);
        if (r.status != io::ok) return; // the next read will see the error
        buffer_.erase(0, r.bytes);
        on_.trace().emit(kind::stream_write, id_, owner_, {{"bytes", static_cast<std::uint64_t>(r.bytes)}});
        active();
    }
    if (buffer_.empty()) drain();
    if (writing()) return;
    if (graceful_) {
        traces::recorder::besides const asked(on_.trace(), asked_);
        return close("graceful_after_write");
    }
    if (socket_ != no_descriptor) on_.watch(socket_, true, false);
}

// Each subscriber is removed before it is called, so that a callback that fails is not called again.
void reactor_stream::drain() {
    auto const subscribers = std::exchange(drain_, {});
    traces::recorder::besides const subscribed(
        on_.trace(), subscribers.empty() ? traces::no_seq : subscribers.front().queued);
    traces::seq_t const told = on_.trace().emit(
        kind::stream_drain, id_, owner_, {{"subscribers", static_cast<std::uint64_t>(subscribers.size())}});
    traces::recorder::because_of const drained(on_.trace(), told);
    for (subscriber const& s : subscribers) s.call();
}

void reactor_stream::close_gracefully(std::string_view how) {
    asked_ = on_.trace().emit(kind::stream_close_gracefully, id_, owner_, {{"writing", writing()}});
    traces::recorder::because_of const asked(on_.trace(), asked_);
    if (writing()) graceful_ = true;
    else close(how);
}

void reactor_stream::close(std::string_view how) {
    if (socket_ == no_descriptor) return;
    auto const self = shared_from_this(); // the loop releases it below
    timeout(0, {});
    descriptor const h = std::exchange(socket_, no_descriptor);
    on_.remove(h);
    on_.world().close(h);
    if (on_release) on_release(how);
    on_.trace().emit(kind::stream_close, id_, owner_, {{"how", how}});
    if (on_close) on_close();
}

} // namespace shutdown_repro::server
