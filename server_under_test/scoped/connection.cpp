#include "server_under_test/scoped/connection.hpp"

#include "server_under_test/http/http.hpp"

namespace shutdown_repro::server {

using traces::kind;

connection::connection(world& w, connection_owner& o, std::unique_ptr<stream> s, traces::ref name)
    : id(name),
      on_(w),
      owner_(o),
      stream_(std::move(s)) {
    readable_.owner = writable_.owner = again_.owner = this;
    readable_.run = [](work& x) {
        connection& c = *static_cast<wait&>(x).owner;
        c.reading_ = false;
        c.read();
    };
    writable_.run = [](work& x) { static_cast<wait&>(x).owner->flush(); };
    again_.run = [](work& x) { static_cast<wait&>(x).owner->next(); };
}

void connection::read() {
    char bytes[4096];
    std::size_t total = 0;
    io_result r;
    while (open() && (r = stream_->read(bytes)).status == io::ok) {
        in_.append(bytes, r.bytes);
        total += r.bytes;
    }
    if (!open()) return;
    if (total) on_.trace.emit(kind::connection_read, id, {}, {{"bytes", static_cast<std::uint64_t>(total)}});
    bool const gone = r.status != io::would_block;
    if (gone && in_.empty() && !handling_) return close("peer");
    if (!gone && !reading_) {
        reading_ = true;
        stream_->when_readable(readable_);
    }
    if (!handling_) next();
}

void connection::next() {
    if (handling_ || !open()) return;
    traces::recorder::acting const as_connection(on_.trace, id);
    http::request const r = http::parse_request(in_);
    if (r.state == http::parse::need_more) {
        if (last_ && !unsent()) close("fin");
        return;
    }
    if (r.state == http::parse::bad || r.number == 0) {
        in_.clear();
        last_ = true;
        http::write_response(out_, r.state == http::parse::bad ? 400 : 404, true);
        return flush();
    }
    in_.erase(0, r.consumed);
    last_ = !r.keep_alive;
    handling_ = true;
    owner_.on_request(*this, r.number);
}

void connection::respond(int status) {
    if (!open()) return;
    last_ = last_ || (owner_.closes_after_response() && http::parse_request(in_).state != http::parse::complete);
    http::write_response(out_, status, last_);
    flush();
}

void connection::handled() {
    handling_ = false;
    if (open() && !again_.queued) on_.post(again_);
}

void connection::flush() {
    std::size_t const before = sent_;
    while (unsent()) {
        io_result const r = stream_->write(std::string_view(out_).substr(sent_));
        if (r.status == io::would_block) break;
        if (r.status != io::ok) return close("peer");
        sent_ += r.bytes;
    }
    if (sent_ > before)
        on_.trace.emit(kind::connection_write, id, {}, {{"bytes", static_cast<std::uint64_t>(sent_ - before)}});
    if (unsent()) return stream_->when_writable(writable_);
    out_.clear();
    sent_ = 0;
    if (last_ && !handling_) return close("fin");
    owner_.on_flushed(*this);
}

void connection::close(std::string_view how) {
    if (!open()) return;
    // Read the remaining bytes: otherwise closing would send a reset that can overtake the response.
    char bytes[4096];
    if (how == "fin") {
        stream_->shutdown_send();
        while (stream_->read(bytes).status == io::ok) {}
    }
    stream_.reset();
    on_.trace.emit(kind::connection_close, id, {}, {{"how", how}});
    owner_.on_flushed(*this);
}

} // namespace shutdown_repro::server
