#include "cli/commands/watch.hpp"
#include <iostream>
#include <limits>
#include <poll.h>
#include <set>
#include <sys/inotify.h>
#include <tuple>
#include <unistd.h>
#include <utility>
#include "cli/report/judgement.hpp"
#include "repro/input/errors.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/views/rows.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

// Waits until a file may have grown. Where inotify reports nothing (on a network file system), it polls twice a second.
class appending {
public:
    explicit appending(std::string const& path) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
        if (fd_ >= 0) inotify_add_watch(fd_, path.c_str(), IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
    }
    appending(appending const&) = delete;
    ~appending() {
        if (fd_ >= 0) ::close(fd_);
    }

    void wait() const {
        pollfd told{fd_, POLLIN, 0};
        ::poll(&told, fd_ >= 0 ? 1 : 0, 500);
        alignas(inotify_event) char what[4096];
        while (fd_ >= 0 && ::read(fd_, what, sizeof what) > 0) {}
    }

private:
    int fd_;
};

class live_rows final : public reader_events {
public:
    live_rows(filter f, output& out) : filter_(std::move(f)), out_(out), page_(out.page()) {}

    void on_header(header const& h) override { judge_.on_header(h); }
    void on_event(event const& e) override {
        if (!std::exchange(started_, true)) begin(e);
        judge_.on_event(e);
        if (filter_.fits(e)) {
            page_.measure(e);
            out_.print(page_.gutter(e) + page_.kind_and_words(e) + "\n");
        }
        for (; seen_ < judge_.so_far().size(); ++seen_) tell(judge_.so_far()[seen_]);
    }
    void on_footer(footer const& f) override { judge_.on_footer(f); }

    judgement end(std::vector<std::string> problems) {
        judgement j = judge_.result(std::move(problems));
        for (violation const& v : j.violations) tell(v); // some violations are known only at the end
        return j;
    }

private:
    // Column widths are fixed before the last row is known: they fit 10,000 events and 100 seconds.
    void begin(event const& first) {
        page_.start(first);
        event wide;
        wide.seq = 9999;
        constexpr nanoseconds long_enough = 99'999'000'000;
        wide.t = first.t < std::numeric_limits<nanoseconds>::max() - long_enough ? first.t + long_enough : first.t;
        wide.what = kind::coroutine_suspend;
        page_.measure(wide);
    }
    void tell(violation const& v) {
        if (told_.emplace(v.rule, v.at, v.subject).second) out_.print(page_.broken(v));
    }

    filter filter_;
    output& out_;
    rows page_;
    trace_judge judge_;
    bool started_ = false;
    std::size_t seen_ = 0;
    std::set<std::tuple<std::string_view, seq_t, ref>> told_;
};

} // namespace

int watch(std::string const& path, filter f, output& out) {
    appending file(path);
    live_rows rows(std::move(f), out);
    growing_trace trace(path, rows);
    while (!trace.ended()) {
        if (trace.more()) {
            out.finish();
            continue;
        }
        if (path == "-") break;
        trace.must_be_there();
        file.wait();
    }
    judgement const j = rows.end(trace.finish().problems);
    for (std::string const& problem : j.problems)
        std::cerr << "shutdown-repro: " << path << ": " << printable(problem) << "\n";
    out.print(counted(j.events, "event") + " · " + duration(j.span) + " · " + std::string(name_of(j.verdict)) + "\n");
    return repro::clean;
}

} // namespace shutdown_repro::cli
