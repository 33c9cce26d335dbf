// Checks what shutdown_repro.hpp promises apart from its events:
//     header_program off       uses all of it, and exits with 1 if that allocated memory
// header_program threads   is held at "here" in one thread, and reports that it has stopped once the other thread ran
//                              on
// header_program forks     reaches "twice" once, and so does its child, which exits with 1 if it still has the file of
//                              its parent open
// header_program forks-in-threads   forks while two threads record, and exits with 1 if a child hangs
// header_program fork-in-handler    forks in a signal handler that interrupts the recording of an event
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>
#include "repro/adapters/cpp/shutdown_repro.hpp"

namespace probe = shutdown_repro::probe;

namespace {

bool counting = false, raising = false;
int taken = 0;

int off() {
    counting = true;
    probe::on_stop([a = 1L, b = 2L, c = 3L] { std::exit(static_cast<int>(a + b + c)); });
    probe::server server("a server with a name that is too long for a short string");
    server.listen(8080);
    server.ready();
    probe::scope all("a scope with a name that is too long for a short string"),
        inside("another one, and as long as the first", all);
    {
        probe::task work(inside, "a handler with a name that is too long for a short string");
        probe::acting const as_it(work.who());
        work.suspend("a delay with a name that is too long for a short string");
        work.resume();
        probe::event(
            "request.begin", probe::fresh("request"), {}, {{"path", "/a/path/that/is/too/long/for/a/short/string"}});
        SHUTDOWN_REPRO_CHECKPOINT("a-checkpoint-with-a-name-that-is-long");
    }
    server.stop();
    counting = false;
    return taken ? 1 : 0;
}

int threads() {
    std::mutex mutex;
    std::condition_variable changed;
    bool held = false, gone_on = false, over = false;
    probe::on_stop([&] {
        std::unique_lock<std::mutex> lock(mutex);
        held = true;
        changed.notify_all();
        if (changed.wait_for(lock, std::chrono::seconds(10), [&] { return gone_on; }))
            probe::event("act.stop", probe::fresh("server"));
    });
    std::thread other([&] {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return held || over; });
        lock.unlock();
        SHUTDOWN_REPRO_CHECKPOINT("elsewhere");
        lock.lock();
        gone_on = true;
        changed.notify_all();
    });
    SHUTDOWN_REPRO_CHECKPOINT("here");
    {
        std::lock_guard<std::mutex> const lock(mutex);
        over = true;
        changed.notify_all();
    }
    other.join();
    return 0;
}

int forks() {
    probe::event("loop.start", probe::fresh("loop"));
    SHUTDOWN_REPRO_CHECKPOINT("twice");
    pid_t const child = fork();
    if (child == 0) {
        SHUTDOWN_REPRO_CHECKPOINT("twice");
        probe::event("loop.start", probe::fresh("loop"));
        int files = 0;
        for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code gone;
            files += std::filesystem::read_symlink(entry, gone).string().find(std::getenv("SHUTDOWN_REPRO_TRACE")) == 0;
        }
        _exit(files == 1 ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// Returns whether the child has ended by itself. One that hangs is ended by its alarm.
bool has_ended(pid_t child) {
    int status = 1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int forks_in_threads() {
    probe::scope all("server");
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            while (!over) {
                probe::scope one("connection", all);
                probe::task handler(one, "handler");
            }
        });
    bool hung = false;
    for (int i = 0; i < 200 && !hung; ++i) {
        pid_t const child = fork();
        if (child == 0) {
            alarm(5);
            {
                probe::scope mine("child", all);
                SHUTDOWN_REPRO_CHECKPOINT("in-a-child");
            }
            _exit(0);
        }
        hung = !has_ended(child);
    }
    over = true;
    for (std::thread& t : threads) t.join();
    return hung;
}

int fork_in_handler() {
    alarm(20);
    std::signal(SIGUSR1, [](int) {
        pid_t const child = fork();
        if (child == 0) _exit(0);
        if (!has_ended(child)) _exit(1);
    });
    probe::scope all("server");
    raising = true; // at the next allocation, which is in the midst of recording
    probe::event("loop.start", probe::fresh("loop"), all.who(), {{"text", "one that is too long for a short string"}});
    return raising;
}

} // namespace

void* operator new(std::size_t size) {
    if (counting) ++taken;
    if (std::exchange(raising, false)) raise(SIGUSR1);
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main(int, char** argv) {
    std::string const how = argv[1];
    if (how == "forks-in-threads") return forks_in_threads();
    if (how == "fork-in-handler") return fork_in_handler();
    return how == "off" ? off() : how == "threads" ? threads() : forks();
}
