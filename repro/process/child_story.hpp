// What every live execution is made of, whoever is run and whatever is done around it: one process from its start to its end,
// told as a trace. What it says, how it ends and whom it forked is recorded; SIGINT and SIGTERM to us end the wait; in the end
// nobody of it is left.
#pragma once
#include <csignal>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include "repro/process/child_process.hpp"
#include "repro/process/poller.hpp"
#include "repro/process/private_folder.hpp"
#include "repro/process/process_tree.hpp"
#include "repro/process/signals_as_events.hpp"
#include "traces/recorder.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// SIGINT or SIGTERM came.
struct interrupted {
    int signal;
    std::string kept; // path of the partial trace, "" when none was kept
};

class child_story final : private poller::watcher {
public:
    child_story();
    ~child_story();
    child_story(child_story const&) = delete;

    std::string file(std::string const& name) const {
        return folder_.file(name);
    } // in a folder that is gone in the end
    std::string const& folder() const { return folder_.path(); }
    poller& events() { return events_; }
    traces::recorder& recorder() { return record_; }
    traces::nanoseconds& clock() { return clock_; } // that the recorder reads; who records sets it
    traces::trace& seen() { return seen_; }
    process_tree& tree() { return tree_; }
    process_tree const& tree() const { return tree_; }
    void record(traces::kind, std::initializer_list<traces::field> = {}); // of process:1, now

    // Starts it, recorded with these details and dated before anything that it does. With `accepted`, its exit is recorded with
    // whether its status is one of them; they are borrowed. Throws input_error when it can't be run.
    void start(launch, std::initializer_list<traces::field> = {}, std::span<int const> accepted = {});
    child_process& child() { return *child_; }
    bool started() const { return child_.has_value(); }
    std::optional<process_end> const& end() const { return end_; }
    bool runs() const { return child_ && !end_; }
    std::string how_it_ended() const; // "it ended with status 1"

    // Called with each line that it says, before that is recorded. Its stdout counts where the launch says that it speaks.
    std::function<void(std::string_view line)> on_line;
    std::string const& last_words() const { return last_words_; } // the end of what it said
    bool speaks() const { return errors_.open || output_.open; }  // somebody still can

    // Another process of ours in the same story, such as a command that stops the server; it is no part of the trace.
    void starts_helper(child_process const& h) { tree_.helper(h.pid()); }
    std::string const& mark() const { return tree_.mark(); } // for its environment

    // Until something is ready, or that time. Throws interrupted.
    void wait(traces::nanoseconds until);
    // By us: whoever lives is killed, and that is the end. `why` makes the execution inconclusive; "" for a kill that is a fact
    // like others.
    void kill_all(std::string const& why);
    void hear_last_words(
        traces::nanoseconds until);     // until nobody can speak any more, or that time and what was said by then
    void look_for_orphans();            // those that follow it at once are none; nobody is after a kill
    void cut_short(interrupted const&); // it is killed where it stands, and what was seen of it is the story
    void note(std::string why);         // why the execution does not count; the first counts
    std::string const& noted() const { return note_; }
    // The footer, and a note as a problem.
    void conclude(traces::trace&) const;

private:
    struct pipe {
        char const* stream;
        bool open = false;
        std::string line = {};
    };
    void on_ready(int fd, std::uint32_t) override;
    void read_from(int fd, pipe&);
    void say(std::string_view line, pipe const&);

    signals_as_events signals_; // first: a signal that comes late ends us after everything else is put away
    private_folder folder_;
    traces::trace seen_;
    traces::nanoseconds clock_ = 0, looked_ = 0;
    traces::recorder record_{seen_, clock_};
    poller events_;
    process_tree tree_{record_, clock_}; // before the child: it ends whom that leaves behind
    std::optional<child_process> child_;
    std::optional<process_end> end_;
    std::span<int const> accepted_;
    pipe errors_{"stderr"}, output_{"stdout"};
    std::size_t recorded_ = 0; // bytes of what it said
    std::string last_words_, note_;
    bool forced_ = false;
    int interrupted_by_ = 0;
};

// Writes what was seen until then to the path, where there is one, and says so in `i`.
void keep_partial(interrupted& i, traces::trace const&, std::string const& path);

} // namespace shutdown_repro::repro
