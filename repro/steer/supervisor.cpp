#include "repro/steer/supervisor.hpp"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <tuple>
#include "repro/steer/memory.hpp"

namespace shutdown_repro::repro::steer {

supervisor::supervisor(child_story& story, unique_fd fd, std::uint16_t port, std::uint16_t backend_port,
    std::function<std::uint32_t(std::uint16_t)> client_at, request_lookup request_of)
    : story_(story),
      listener_(std::move(fd)),
      processes_(story.tree()),
      sockets_(story.recorder(), port, backend_port, std::move(client_at)),
      steps_(story.recorder(), story.clock(), std::move(request_of)) {
    story_.events().watch(listener_.get(), EPOLLIN, *this);
}

supervisor::~supervisor() {
    if (watched_) story_.events().forget(listener_.get());
}

void supervisor::set(mode m) {
    mode_ = m;
    if (m != mode::free) return;
    for (auto& [id, c] : held_) {
        c.drop_descriptors();
        listener_.let_go(id);
    }
    held_.clear();
}

void supervisor::note(std::string why) {
    if (unsteered_.empty()) unsteered_ = std::move(why);
}

std::string supervisor::why_unsteered() {
    drop_dead();
    std::set<int> parked;
    for (auto const& [id, c] : held_) parked.insert(c.asked.tid);
    if (unsteered_.empty()) note(processes_.trouble());
    if (unsteered_.empty()) note(unknown_wait(processes_, parked));
    return unsteered_;
}

// --- receiving -------------------------------------------------------------------------------------------------------

// When no process is left the kernel reports that without an end.
void supervisor::on_ready(int, std::uint32_t events) {
    receive();
    if (!(events & EPOLLHUP) || listener_.pending()) return;
    story_.events().forget(listener_.get());
    watched_ = false;
}

void supervisor::receive() {
    while (auto const n = listener_.receive()) take(*n);
}

void supervisor::take(notification const& n) {
    ++received_;
    if (!n.native) {
        note("a process makes system calls of a 32-bit program, which are not steered");
        listener_.let_go(n.id);
        return;
    }
    steered_call const* const call = find_call(n.number);
    if (!call || mode_ == mode::free) return void(listener_.let_go(n.id));
    if (call->kind == call_kind::foreign) return take_foreign(n);
    if (call->kind == call_kind::fork) return take_fork(n);
    process const& of = processes_.of(n.tid);
    if (is_wait(call->kind)) return take_wait(n, call->kind, of);
    if (call->kind != call_kind::exit) return take_io(n, call->kind, of);
    if (mode_ == mode::starting) return void(listener_.let_go(n.id));
    hold(n, call->kind, of);
}

// What would go past the other calls.
void supervisor::take_foreign(notification const& n) {
    if (n.number == SYS_io_uring_setup) {
        note("the server asked for io_uring, which was refused, as where kernel.io_uring_disabled is 2");
        listener_.fail(n.id, EPERM);
        return;
    }
    if (n.number == SYS_io_submit) note("the server uses io_submit(2), which is not steered");
    bool const listens = n.number == SYS_seccomp && n.args[0] == SECCOMP_SET_MODE_FILTER &&
        (n.args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (listens) note("the server uses a seccomp listener itself, which the kernel refuses while it is steered");
    listener_.let_go(n.id);
}

void supervisor::take_fork(notification const& n) {
    std::uint64_t flags = n.number == SYS_clone ? n.args[0] : 0;
    if (n.number == SYS_clone3) read_object(n.tid, n.args[0], flags);
    if (!(flags & CLONE_THREAD)) {
        processes_.of(n.tid);
        processes_.forked();
    }
    listener_.let_go(n.id);
}

held_call& supervisor::hold(notification const& n, call_kind kind, process const& of) {
    held_call c{.asked = n, .kind = kind, .pid = of.pid, .process = of.id};
    return held_.insert_or_assign(n.id, std::move(c)).first->second;
}

void supervisor::take_wait(notification const& n, call_kind kind, process const& of) {
    wait_tools const tools{processes_, sockets_, epolls_};
    auto wait = kind == call_kind::epoll ? park_epoll(n, of, tools)
        : kind == call_kind::poll        ? park_poll(n, of, tools)
                                         : park_select(n, of, tools);
    if (!wait || !listener_.valid(n.id)) {
        wait.reset();
        listener_.let_go(n.id);
        return;
    }
    held_call& c = hold(n, kind, of);
    c.wait = std::move(wait);
    bool const only_looks = c.wait->deadline <= traces::monotonic_now();
    if (only_looks && c.wait->ready().empty()) answer_wait(c, {});
}

void supervisor::take_io(notification const& n, call_kind kind, process const& of) {
    unique_fd fd = processes_.take(of, descriptor_of(n, kind));
    endpoint on;
    if (fd && kind == call_kind::connect && mode_ == mode::steering) { // those of the start have no names
        char address[sizeof(sockaddr_in6)] = {};
        std::size_t const size = std::min<std::size_t>(n.args[2], sizeof address);
        if (read_memory(n.tid, n.args[1], address, size)) on = sockets_.connecting(fd.get(), address, size);
    } else if (fd && kind != call_kind::connect) {
        on = sockets_.identify(fd.get());
    }
    bool const may_block = (kind == call_kind::accept || kind == call_kind::read) && on.steered() &&
        !(fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
    std::uint64_t const flags = n.number == SYS_recvfrom || n.number == SYS_recvmmsg ? n.args[3]
        : n.number == SYS_recvmsg                                                    ? n.args[2]
                                                                                     : 0;
    bool const blocks = may_block && !(flags & MSG_DONTWAIT);
    if (!on.steered() || (mode_ == mode::starting && !blocks) || !listener_.valid(n.id)) {
        fd.close();
        listener_.let_go(n.id);
        return;
    }
    held_call& c = hold(n, kind, of);
    c.on = on;
    if (blocks) c.blocks_on = std::move(fd);
}

// --- state -----------------------------------------------------------------------------------------------------------

// A thread that was killed while it was held is gone without a word.
void supervisor::drop_dead() {
    std::erase_if(held_, [this](auto const& one) { return !listener_.valid(one.first); });
}

bool supervisor::all_gone() { return listener_.unused(); }

std::vector<held_call*> supervisor::held() {
    drop_dead();
    std::vector<held_call*> all;
    for (auto& [id, c] : held_) all.push_back(&c);
    std::ranges::sort(all, {}, [](held_call const* c) { return std::tuple(c->process.number, c->asked.tid); });
    return all;
}

bool supervisor::quiet() {
    receive();
    std::set<int> parked;
    for (auto const& [id, c] : held_) parked.insert(c.asked.tid);
    return look_.both_quiet(processes_, parked) && !listener_.pending();
}

// --- steps -----------------------------------------------------------------------------------------------------------

io_look supervisor::look(held_call& c) {
    if (c.kind == call_kind::exit) return look_at(c, -1);
    unique_fd const fd = processes_.take(processes_.of(c.asked.tid), descriptor_of(c.asked, c.kind));
    return look_at(c, fd.get());
}

void supervisor::perform(held_call& c, io_look const& look) {
    if (look.verb == "accept") return accept(c, look);
    if (mode_ == mode::steering) steps_.io(c, look);
    c.drop_descriptors();
    if (look.verb == "read-error") listener_.fail(c.asked.id, c.socket_error);
    else listener_.let_go(c.asked.id);
    forget(c);
}

// Performed here, so that the name of the connection is known and the call can't find another one.
void supervisor::accept(held_call& c, io_look const& look) {
    unique_fd socket = processes_.take(processes_.of(c.asked.tid), descriptor_of(c.asked, c.kind));
    int const flags = c.asked.number == SYS_accept4 ? static_cast<int>(c.asked.args[3]) : 0;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    unique_fd connection(
        accept4(socket.get(), reinterpret_cast<sockaddr*>(&from), &size, (flags & SOCK_NONBLOCK) | SOCK_CLOEXEC));
    int const error = errno;
    socket.close();
    c.drop_descriptors();
    endpoint const who = connection ? sockets_.identify(connection.get()) : endpoint{};
    if (mode_ == mode::steering) steps_.io(c, look, who);
    if (who.is == endpoint::role::client) accepted_.insert(who.number);
    if (!connection) {
        listener_.fail(c.asked.id, error);
        return forget(c);
    }
    socklen_t room = 0;
    if (c.asked.args[1] && read_object(c.asked.tid, c.asked.args[2], room)) {
        write_memory(c.asked.tid, c.asked.args[1], &from, std::min(room, size));
        write_memory(c.asked.tid, c.asked.args[2], &size, sizeof size);
    }
    if (!listener_.hand_over(c.asked.id, connection.get(), flags & SOCK_CLOEXEC)) {
        int const why = errno;
        listener_.fail(c.asked.id, why); // it has too many descriptors; the connection is lost, which no kernel does
        if (why != ENOENT) note("an accepted connection could not be handed to the server");
    }
    forget(c);
}

void supervisor::deliver(held_call& c, std::vector<ready_event> const& events) {
    if (mode_ == mode::steering) steps_.told(c.process, events);
    answer_wait(c, events);
}

void supervisor::answer_wait(held_call& c, std::vector<ready_event> const& events) {
    auto const result = listener_.valid(c.asked.id) ? c.wait->write(events) : std::optional<std::int64_t>(0);
    c.drop_descriptors();
    if (result) listener_.answer(c.asked.id, *result);
    else listener_.fail(c.asked.id, EFAULT);
    forget(c);
}

// --- signals ---------------------------------------------------------------------------------------------------------

// Whether a parked thread has to be woken for a signal. The kernel gives the signal of a process to its main thread,
// unless that blocks it, and else to any thread.
bool supervisor::is_interrupted(held_call const& c, thread_state const& s, std::set<int>& has_woken) {
    std::uint64_t const blocked = c.wait && c.wait->mask ? *c.wait->mask : s.blocked;
    if (s.own & ~blocked) return true;
    if (!(s.shared & ~blocked)) return tried_.erase(c.asked.tid), false;
    if (c.asked.tid != c.pid) {
        auto const main = state_of_thread(c.pid, c.pid);
        if (main && (s.shared & ~blocked & ~main->blocked)) return false;
        if (tried_.contains(c.asked.tid) || !has_woken.insert(c.pid).second) return false;
        tried_.insert(c.asked.tid);
    }
    return true;
}

// A thread that waits for our answer does not see a signal. It goes on into the kernel, which interrupts its wait.
// Where the kernel may have chosen another thread for the signal, the wait ends with EINTR, so that it does not escape
// us.
bool supervisor::let_signals_in() {
    bool any = false;
    std::set<int> has_woken; // processes
    for (held_call* const c : held()) {
        if (!c->wait && !c->blocks_on) continue;
        auto const s = state_of_thread(c->pid, c->asked.tid);
        if (!s || !(s->own | s->shared) || !is_interrupted(*c, *s, has_woken)) continue;
        if (c->wait && !c->wait->ready().empty()) continue; // it is told of that first, as the kernel does it
        if (mode_ == mode::steering) steps_.of_process(c->process, "interrupted");
        bool const sure = c->asked.tid == c->pid || s->own || (c->wait && c->wait->mask) || !c->wait;
        c->drop_descriptors();
        if (sure) listener_.let_go(c->asked.id);
        else listener_.fail(c->asked.id, EINTR);
        forget(*c);
        any = true;
    }
    return any;
}

// The kernel runs the handler, and then issues the same call anew. Without a pending signal the program would see the
// number of the error, so the signal has to be pending on that very thread.
void supervisor::handle_first(int pid, int signal) {
    constexpr int restart_after_handler = 513; // ERESTARTNOINTR
    auto const s = state_of_thread(pid, pid);
    std::uint64_t const bit = std::uint64_t{1} << (signal - 1);
    if (!s || !((s->own | s->shared) & bit) || (s->blocked & bit)) return;
    for (held_call* const c : held()) {
        if (c->asked.tid != pid || c->socket_error) continue; // the error would be lost
        steps_.of_process(c->process, "handles", signal_name(signal));
        c->drop_descriptors();
        listener_.fail(c->asked.id, restart_after_handler);
        return forget(*c);
    }
}

} // namespace shutdown_repro::repro::steer
