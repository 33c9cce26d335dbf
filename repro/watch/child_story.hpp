// The common part of every live execution: one process from its start to its end, recorded as a trace. Its output, its
// exit and its descendants are recorded. SIGINT and SIGTERM to this process end the wait. In the end none of its
// processes is left.
#pragma once
#include <csignal>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "repro/process/child_process.hpp"
#include "repro/process/poller.hpp"
#include "repro/process/private_folder.hpp"
#include "repro/process/signals_as_events.hpp"
#include "repro/watch/process_tree.hpp"
#include "traces/recorder.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// Thrown when this process received SIGINT, SIGTERM, SIGHUP or SIGQUIT.
struct interruption {
    int signal;
    std::string kept; // path of the partial trace; "" if none was kept
};

class child_story final : private poller::watcher {
public:
    child_story();
    ~child_story();
    child_story(child_story const&) = delete;

    std::string file(std::string const& name) const {
        return folder_.file(name);
    } // a path in folder(), which the destructor removes
    std::string const& folder() const { return folder_.path(); }
    poller& events() { return events_; }
    traces::recorder& recorder() { return record_; }
    traces::nanoseconds& clock() { return clock_; } // the recorder reads it; set it before recording
    traces::trace& seen() { return seen_; }
    process_tree& tree() { return tree_; }
    process_tree const& tree() const { return tree_; }
    void record(traces::kind, std::initializer_list<traces::field> = {}); // an event of process:1, now

    // Starts the process and records that with these details, before anything that the process does. With `accepted`,
    // the exit event says whether the exit status is one of them; the span must stay valid. Throws input_error when it
    // can't be run.
    void start(launch, std::vector<traces::field> const& = {}, std::span<int const> accepted = {});
    child_process& child() { return *child_; }
    bool started() const { return child_.has_value(); }
    std::optional<process_end> const& end() const { return end_; }
    bool runs() const { return child_ && !end_; }
    std::string how_it_ended() const; // "it exited with status 1"

    // Called with each line of output before it is recorded. Stdout is included only if launch::speaks is set.
    std::function<void(std::string_view line)> on_line;
    std::string const& last_words() const { return last_words_; } // the end of its output
    bool speaks() const { return errors_.open || output_.open; }  // whether a process still holds a pipe open

    // Registers another child of this process that belongs to the execution but not to the trace, such as a command
    // that stops the server.
    void starts_helper(child_process const& h) { tree_.helper(h.pid()); }
    std::string const& mark() const { return tree_.mark(); } // "NAME=VALUE" for the environment of a helper

    // Waits until something is ready, or until that time. Throws interrupted.
    void wait(traces::nanoseconds until);
    // Kills all processes of the server and waits for the first one to exit. `why` makes the execution inconclusive; ""
    // records the kill as an ordinary event.
    void kill_all(std::string const& why);
    // Reads output until all pipes are closed, or until that time, and then what was written by then.
    void hear_last_words(traces::nanoseconds until);
    // Records the descendants that do not exit shortly after the first process; none are counted after a forced kill.
    void look_for_orphans();
    void note(std::string why); // sets why the execution is inconclusive; only the first reason is kept
    std::string const& noted() const { return note_; }
    // Completes the trace: the world, the footer, and the note as a problem.
    void conclude(traces::trace&) const;

    // The frame of every live execution: calls `live`, which starts the process and waits for its end, and returns the
    // trace that `seen_so_far` makes of it. When one of the signals of `interruption` comes, the process is killed,
    // what was seen until then is written to `partial_path` ("" for nowhere), and `interruption` is thrown.
    traces::trace tell(std::function<void()> const& live, std::function<traces::trace()> const& seen_so_far,
        std::string const& partial_path);

private:
    struct pipe {
        char const* stream;
        bool open = false;
        std::string line = {};
    };
    void on_ready(int fd, std::uint32_t) override;
    void read_from(int fd, pipe&);
    void hear_what_was_written();
    void say(std::string_view line, pipe const&);
    void keep(std::string_view text, pipe const&);
    void cut_short(interruption const&);

    signals_as_events
        signals_; // first, so that a late signal ends this process only after the other members are destroyed
    private_folder folder_;
    traces::trace seen_;
    traces::nanoseconds clock_ = 0, looked_ = 0;
    traces::recorder record_{seen_, clock_};
    poller events_;
    process_tree tree_{
        record_, clock_, folder_.path()}; // declared before the child: it kills the descendants that the child leaves
    std::optional<child_process> child_;
    std::optional<process_end> end_;
    std::span<int const> accepted_;
    pipe errors_{"stderr"}, output_{"stdout"};
    std::uint64_t heard_ = 0;                  // bytes of output read so far
    std::size_t recorded_ = 0;                 // and recorded
    std::uint64_t left_out_ = 0, dropped_ = 0; // bytes that no rule needs, and evidence for which there was no room
    std::string last_words_, note_;
    bool forced_ = false;
    int interrupted_by_ = 0;
};

} // namespace shutdown_repro::repro
