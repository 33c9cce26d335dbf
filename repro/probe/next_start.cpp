// What a server does with its Unix path when it stops. A path that is left behind is a fault where the next start fails
// because of it: so the server is started again, and once more without the path when it fails.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <unistd.h>
#include "repro/probe/probe_run.hpp"
#include "repro/watch/listening.hpp"

namespace shutdown_repro::repro {

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds between_glances = 10 * millisecond;
constexpr std::size_t longest_excuse = 200; // of the output of a server that does not start

bool is_socket_there(std::string const& path) {
    std::error_code failed;
    return std::filesystem::is_socket(path, failed);
}

bool listens_among(std::vector<int> const& pids, std::string const& path) {
    std::vector<std::uint64_t> const open = listening_on_path(path);
    return std::ranges::any_of(pids, [&](int pid) {
        return std::ranges::any_of(
            files_of(pid).sockets, [&](std::uint64_t inode) { return std::ranges::count(open, inode) > 0; });
    });
}

// The last line that was written to the pipe, if there is one.
void keep_last_line(int pipe, std::string& last) {
    std::string all;
    char part[4096];
    for (ssize_t got; (got = read(pipe, part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(got));
    while (!all.empty() && all.back() == '\n') all.pop_back();
    if (!all.empty()) last = all.substr(all.rfind('\n') + 1).substr(0, longest_excuse);
}

void kill_with_descendants(int pid) {
    for (int const below : descendants_of(pid)) ::kill(below, SIGKILL);
    ::kill(pid, SIGKILL);
}

} // namespace

// Not after a kill or a wrong signal, which take the chance to clean up, nor where the path belongs to others: to a
// process that is left, or to us.
void probe_run::look_for_path_left(bool by_force) {
    bool const is_control = probe_ == at_rest_probe || probe_ == one_request_probe;
    bool const stopped_well = stopped_at_ && !by_force && !wrong_ && !script_->at_start();
    if (unix_path_.empty() || listener_ || is_control || !stopped_well || !story_.tree().living().empty()) return;
    if (!is_socket_there(unix_path_))
        return story_.record(kind::process_path, {{"path", unix_path_}, {"there", false}});
    next_start const with = start_again();
    bool const blocks = with.known && !with.listens;
    if (blocks) unlink(unix_path_.c_str());
    next_start const without = blocks ? start_again() : with;
    if (!with.known || !without.listens)
        story_.note("the server left " + unix_path_ +
            " behind, and whether that hinders its next start is not known: " +
            (with.known ? "it does not start without the path either" : "it neither listened nor exited"));
    story_.record(kind::process_path,
        {{"path", unix_path_}, {"there", true},
            {"next",
                !without.listens ? "unknown"
                    : blocks     ? "fails"
                                 : "listens"},
            {"why", with.why}});
}

// Starts the server in the folder of the first start, and ends it as soon as it listens.
probe_run::next_start probe_run::start_again() {
    launch again = server_launch();
    std::erase_if(again.environment, [](std::string const& e) { return e.starts_with("SHUTDOWN_REPRO_"); }); // no trace
    again.environment.push_back(story_.mark());
    auto const server = std::make_unique<helper>(again);
    story_.starts_helper(server->process);
    story_.events().watch(server->process.pidfd(), EPOLLIN, *this);
    looking_ = server.get();
    next_start found;
    std::string said;
    int const pid = server->process.pid();
    nanoseconds const deadline = traces::monotonic_now() + plan_.ready.within_ms * millisecond;
    while (!server->end && !found.listens && traces::monotonic_now() < deadline) {
        wait(std::min(deadline, traces::monotonic_now() + between_glances));
        for (int const pipe : {server->process.notes(), server->process.errors()}) keep_last_line(pipe, said);
        std::vector<int> all = server->end ? std::vector<int>{} : descendants_of(pid);
        all.push_back(pid);
        found.listens = !server->end && listens_among(all, unix_path_);
    }
    looking_ = nullptr;
    found.known = found.listens || server->end;
    if (server->end && server->end->status) found.why = "status " + std::to_string(*server->end->status);
    else if (server->end) found.why = signal_name(server->end->signal);
    if (!said.empty() && server->end) found.why += ": " + said;
    if (!server->end) {
        story_.events().forget(server->process.pidfd());
        kill_with_descendants(pid);
    }
    return found;
}

} // namespace shutdown_repro::repro
