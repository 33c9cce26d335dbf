#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "traces/format/inputs.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/format/line.hpp"

namespace shutdown_repro::traces {

namespace {

// Reads a trace line by line. Delivers its contents to `to` and collects its problems.
class reading {
public:
    reading(std::string_view name, reader_events& to) : name_(name), to_(to) {}

    // Reads the complete lines of a block and returns their size in bytes. The first `searched` bytes have no line
    // break.
    std::size_t lines(std::string_view block, std::size_t searched = 0) {
        std::size_t at = 0;
        for (std::size_t end; (end = block.find('\n', std::max(at, searched))) != block.npos; at = end + 1)
            line(block.substr(at, end - at), true);
        return at;
    }
    // Ends the trace. `rest` is the text after the last line break.
    read_result finish(std::string_view rest) {
        if (!rest.empty()) line(rest, false);
        if (!headed_) throw trace_error(name_ + ": empty, expected " + wanted);
        if (!result_.has_footer) problem(std::string(cut_short));
        if (untold_ > 0) result_.problems.push_back("and " + std::to_string(untold_) + " more");
        return std::move(result_);
    }
    bool ended() const { return result_.has_footer; }
    [[noreturn]] void too_long() {
        ++number_;
        fail("the line is longer than " + std::to_string(longest_line >> 20) + " MiB");
    }

private:
    static constexpr auto wanted =
        R"(a trace, which begins with the line {"format":"shutdown-repro/trace","version":"1.0", ...})";
    static constexpr auto blank = " \t\r";
    static constexpr std::size_t most_problems = 20;

    void line(std::string_view text, bool ended) {
        ++number_;
        if (result_.has_footer) return after_footer(text);
        if (headed_ && own_.parse(text, own_event_)) return take(own_event_);
        if (text.find_first_not_of(blank) == text.npos) return;
        try {
            other_line(text);
        } catch (any_line::not_json const& e) {
            // Only the last line can be torn: by a process that died while it wrote it.
            if (!headed_ || ended) fail(e.why + ", expected " + (headed_ ? "an event or the footer" : wanted));
            problem("line " + std::to_string(number_) + " is torn: " + e.why);
        } catch (any_line::malformed const& e) { fail(headed_ ? e.why : e.why + ", expected " + wanted); }
    }
    void other_line(std::string_view text) {
        if (!headed_) {
            any_.parse_header(text);
            headed_ = true;
            to_.on_header(any_.head);
        } else if (any_.parse(text) == any_line::type::event) {
            take(any_.what);
        } else {
            take(any_.foot);
        }
    }
    void take(event const& e) {
        if (e.seq > expected_) problem(missing(expected_, e.seq - 1) + " before line " + std::to_string(number_));
        if (e.seq < expected_)
            problem("line " + std::to_string(number_) + " goes back to event " + std::to_string(e.seq));
        expected_ = std::max(expected_, e.seq + 1);
        ++result_.events;
        to_.on_event(e);
    }
    void take(footer const& f) {
        result_.has_footer = true;
        if (f.dropped > 0) problem("the writer dropped " + std::to_string(f.dropped) + " events");
        if (f.events != result_.events)
            problem("the footer counts " + std::to_string(f.events) + " events, the trace has " +
                std::to_string(result_.events));
        to_.on_footer(f);
    }
    void after_footer(std::string_view text) {
        if (told_of_rest_ || text.find_first_not_of(blank) == text.npos) return;
        told_of_rest_ = true;
        problem("line " + std::to_string(number_) + " follows the footer; it and what comes after it is not read");
    }

    [[noreturn]] void fail(std::string const& why) const {
        throw trace_error(name_ + ':' + std::to_string(number_) + ": " + why);
    }
    static std::string missing(seq_t first, seq_t last) {
        if (first == last) return "event " + std::to_string(first) + " is missing";
        return "events " + std::to_string(first) + " to " + std::to_string(last) + " are missing";
    }
    void problem(std::string what) {
        if (result_.problems.size() < most_problems) result_.problems.push_back(std::move(what));
        else ++untold_;
    }

    std::string name_;
    reader_events& to_;
    own_line own_;
    any_line any_;
    event own_event_;
    read_result result_;
    std::uint64_t number_ = 0, untold_ = 0; // number of the line; number of problems beyond the limit
    seq_t expected_ = 0;
    bool headed_ = false, told_of_rest_ = false;
};

// An open file, closed by the destructor; "-" is standard input.
class input {
public:
    explicit input(std::string const& path)
        : name_(path == "-" ? "standard input" : path),
          fd_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (fd_ < 0) fail();
        note_input(path);
    }
    input(input const&) = delete;
    ~input() {
        if (fd_ != STDIN_FILENO) ::close(fd_);
    }

    std::string const& name() const { return name_; }
    // Returns why the text read so far is no longer the beginning of the regular file with that name; null if it still
    // is.
    char const* lost(std::uint64_t read) const {
        struct stat now {};
        if (::fstat(fd_, &now) != 0) fail();
        if (!S_ISREG(now.st_mode)) return nullptr;
        if (static_cast<std::uint64_t>(now.st_size) < read) return "was emptied";
        struct stat named {};
        bool const same = fd_ == STDIN_FILENO ||
            (::stat(name_.c_str(), &named) == 0 && named.st_dev == now.st_dev && named.st_ino == now.st_ino);
        return same ? nullptr : "was renamed, deleted or replaced";
    }
    std::size_t read(char* to, std::size_t room) {
        for (;;) {
            ssize_t const n = ::read(fd_, to, room);
            if (n >= 0) return static_cast<std::size_t>(n);
            if (errno != EINTR) fail();
        }
    }

private:
    [[noreturn]] void fail() const { throw trace_error("cannot read " + name_ + ": " + std::strerror(errno)); }
    std::string name_;
    int fd_;
};

class into_trace final : public reader_events {
public:
    explicit into_trace(trace& to) : to_(to) { to.clear(); }
    void on_header(header const& h) override { to_.head = h; }
    void on_event(event const& e) override { to_.append(e); }
    void on_footer(footer const& f) override { to_.foot = f; }

private:
    trace& to_;
};

} // namespace

read_result read_text(std::string_view text, std::string_view name, reader_events& to) {
    reading r(name, to);
    return r.finish(text.substr(r.lines(text)));
}

struct growing_trace::impl {
    impl(std::string const& path, reader_events& to) : in(path), lines(in.name(), to), buffer(std::size_t{256} << 10) {}
    input in;
    reading lines;
    std::vector<char> buffer;
    std::size_t held = 0; // bytes of an incomplete line
    std::uint64_t read = 0;
};

growing_trace::growing_trace(std::string const& path, reader_events& to) : impl_(std::make_unique<impl>(path, to)) {}
growing_trace::~growing_trace() = default;

bool growing_trace::more() {
    impl& my = *impl_;
    std::size_t const n = my.in.read(my.buffer.data() + my.held, my.buffer.size() - my.held);
    my.read += n;
    std::size_t const done = my.lines.lines({my.buffer.data(), my.held + n}, my.held);
    my.held = my.held + n - done;
    if (done > 0) std::memmove(my.buffer.data(), my.buffer.data() + done, my.held);
    if (my.held == my.buffer.size()) {
        if (my.held >= longest_line) my.lines.too_long();
        my.buffer.resize(my.buffer.size() * 2);
    }
    return n > 0;
}

bool growing_trace::ended() const { return impl_->lines.ended(); }

void growing_trace::must_be_there() {
    char const* why = impl_->in.lost(impl_->read);
    if (why && !more()) throw trace_error(impl_->in.name() + " " + why + " while it was read");
}

read_result growing_trace::finish() { return impl_->lines.finish({impl_->buffer.data(), impl_->held}); }

read_result read_stream(std::string const& path, reader_events& to) {
    growing_trace t(path, to);
    while (t.more()) {}
    return t.finish();
}

void read_text_into(std::string_view text, std::string_view name, trace& to) {
    into_trace receiver(to);
    to.problems = read_text(text, name, receiver).problems;
}

trace read_file(std::string const& path) {
    trace t;
    into_trace receiver(t);
    t.problems = read_stream(path, receiver).problems;
    return t;
}

} // namespace shutdown_repro::traces
