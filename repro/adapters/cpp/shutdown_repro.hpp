// Records events of your own server for shutdown-repro, whose rules judge them, and lets shutdown-repro hold the server
// at chosen points. A single header for C++17 and POSIX, without a library. Nothing here throws. If the program was not
// started by shutdown-repro, each call costs one test of a flag and no memory. Protocol: man 7 shutdown-repro-target.
//
//     shutdown_repro::probe::server server("echo");
//     shutdown_repro::probe::scope all("server");               // a scope; it must be empty before it is destroyed
//     shutdown_repro::probe::scope one("connection 3", all);    //   a scope inside it
// shutdown_repro::probe::task handler(one, "handler of GET /"); // work in a scope; ends when the object is destroyed
//     handler.suspend("delay"); handler.resume();               //   the work waits, then continues
//     SHUTDOWN_REPRO_CHECKPOINT("after-accept");                // a point at which the server can be held
// An object of this header is as thread-safe as an int: use different objects, not the same one, in several threads.
#pragma once
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace shutdown_repro {
namespace probe {

// The id of an object, such as "scope:2"; names no object if the word is null.
struct id {
    char const* word = nullptr;
    std::uint32_t number = 0;
    explicit operator bool() const { return word != nullptr; }
};

// A detail of an event. Views its text.
struct detail {
    enum class is { number, flag, text, who } type;
    char const* key;
    std::int64_t number = 0;
    std::string_view text = {};
    id who = {};
    detail(char const* k, std::int64_t n) : type(is::number), key(k), number(n) {}
    detail(char const* k, int n) : type(is::number), key(k), number(n) {}
    detail(char const* k, bool b) : type(is::flag), key(k), number(b) {}
    detail(char const* k, std::string_view t) : type(is::text), key(k), text(t) {}
    detail(char const* k, std::string const& t) : type(is::text), key(k), text(t) {}
    detail(char const* k, char const* t) : type(is::text), key(k), text(t) {}
    detail(char const* k, id i) : type(is::who), key(k), who(i) {}
};

namespace inside {

inline void quote(std::string& out, std::string_view text) {
    out += '"';
    for (char const c : text) {
        unsigned char const u = static_cast<unsigned char>(c);
        char escaped[8];
        if (c == '"' || c == '\\') out += '\\', out += c;
        else if (u < 0x20) std::snprintf(escaped, sizeof escaped, "\\u%04x", u), out += escaped;
        else if (u < 0x80) out += c;
        else out += '?'; // characters outside ASCII are replaced, which saves a decoder here
    }
    out += '"';
}

inline void quote(std::string& out, id i) { out += '"' + std::string(i.word) + ':' + std::to_string(i.number) + '"'; }

// Whether a reader would take the text for an id, such as "scope:2".
inline bool looks_like_id(std::string_view text) {
    std::size_t const colon = text.find(':');
    return colon != text.npos && colon > 0 && colon + 1 < text.size() &&
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == colon &&
        text.find_first_not_of("0123456789", colon + 1) == text.npos;
}

inline std::int64_t now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

inline void report(char const* what, char const* why) { std::fprintf(stderr, "shutdown-repro: %s: %s\n", what, why); }

inline bool is_set(char const* variable) {
    char const* const value = std::getenv(variable);
    return value && *value;
}

inline id& actor() {
    thread_local id who;
    return who;
}

// A mutex that no child of fork(2) inherits locked: whoever forks locks it first. A fork in a signal handler that has
// interrupted the owner of the mutex leaves it as it is.
template <int which> class fork_safe_mutex {
public:
    void lock() {
        mutex_.lock();
        mine() = true;
    }
    void unlock() {
        mine() = false;
        mutex_.unlock();
    }
    void before_fork() {
        if (mine()) return;
        mutex_.lock();
        forks_ = true;
    }
    void after_fork() { // in the parent and in the child
        if (mine() || !forks_) return;
        forks_ = false;
        mutex_.unlock();
    }

private:
    static bool& mine() {
        thread_local bool is = false;
        return is;
    }
    std::mutex mutex_;
    bool forks_ = false;
};

// Writes the trace file of this process. Reports a failed write once, and writes nothing after it.
class recorder {
public:
    static recorder& get() {
        static recorder* const one =
            new recorder; // never destroyed, because destructors of the program still record events
        return *one;
    }
    static bool wanted() {
        static bool const is = is_set("SHUTDOWN_REPRO_TRACE");
        return is;
    }
    bool on() const { return on_.load(std::memory_order_relaxed); }
    id fresh(char const* word) {
        std::lock_guard<mutex> const lock(mutex_);
        return {word, ++last_[word]};
    }
    void put(char const* kind, id what, id parent, std::initializer_list<detail> details) {
        std::lock_guard<mutex> const lock(mutex_);
        if (pid_ != getpid()) open();
        if (fd_ < 0) return;
        std::string line =
            "{\"seq\":" + std::to_string(next_++) + ",\"t\":" + std::to_string(now()) + ",\"kind\":\"" + kind + '"';
        for (auto const& [key, who] : {std::pair<char const*, id>{"id", what}, {"parent", parent}, {"by", actor()}})
            if (who) line += std::string(",\"") + key + "\":", quote(line, who);
        char const* before = ",\"detail\":{";
        for (detail const& d : details) {
            line += before + ('"' + std::string(d.key)) + "\":";
            before = ",";
            switch (d.type) {
            case detail::is::number: line += std::to_string(d.number); break;
            case detail::is::flag: line += d.number ? "true" : "false"; break;
            case detail::is::who: quote(line, d.who); break;
            case detail::is::text:
                if (looks_like_id(d.text)) line += "{\"text\":", quote(line, d.text), line += '}';
                else quote(line, d.text);
            }
        }
        write(line + (details.size() ? "}}\n" : "}\n"));
    }

private:
    using mutex = fork_safe_mutex<0>;
    recorder() : on_(true), path_(std::getenv("SHUTDOWN_REPRO_TRACE")) {
        pthread_atfork(
            [] { get().mutex_.before_fork(); }, [] { get().mutex_.after_fork(); }, [] { get().mutex_.after_fork(); });
    }
    // The first process writes the file itself, each other process a file beside it.
    void open() {
        pid_ = getpid();
        next_ = 0;
        if (fd_ >= 0) ::close(fd_); // inherited from the parent
        for (std::string const& name : {path_, path_ + '.' + std::to_string(pid_)}) {
            fd_ = ::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (fd_ >= 0 || errno != EEXIST) break;
        }
        if (fd_ < 0) return report("cannot record", std::strerror(errno)), void(on_ = false);
        write("{\"format\":\"shutdown-repro/"
              "trace\",\"version\":\"1.0\",\"tool\":\"shutdown_repro.hpp\",\"world\":\"live\","
              "\"observes\":[\"scopes\",\"coroutines\",\"server\"]}\n");
    }
    void write(std::string const& line) {
        ssize_t const written = ::write(fd_, line.data(), line.size());
        if (written == static_cast<ssize_t>(line.size())) return;
        report("cannot record", written < 0 ? std::strerror(errno) : "the disk is full");
        fd_ = -1;
        on_ = false;
    }

    mutex mutex_;
    std::atomic<bool> on_;
    std::string const path_;
    std::map<std::string, std::uint32_t> last_;
    std::uint64_t next_ = 0;
    int fd_ = -1;
    pid_t pid_ = -1;
};

// The connection to the controller, which holds the program at checkpoints and tells it to stop. It holds one thread.
// The other threads run on and pass their checkpoints. If the controller disconnects, no checkpoint holds any longer.
// After a fork the child connects on its own.
class controller {
public:
    static controller& get() {
        static controller* const one = new controller;
        return *one;
    }
    static bool wanted() {
        static bool const is = is_set("SHUTDOWN_REPRO_CONTROL");
        return is;
    }
    bool on() const { return on_.load(std::memory_order_relaxed); }
    void when(char const* command, std::function<void()> call) {
        std::lock_guard<mutex> const lock(mutex_);
        commands_[command] = std::move(call);
    }
    void reach(char const* name) {
        std::unique_lock<mutex> lock(mutex_);
        if (pid_ != getpid()) meet();
        if (!on() || holding_) return; // code that a command runs at a checkpoint passes other checkpoints
        std::uint32_t const times = ++reached_[name];
        std::string const numbered = std::string(name) + '#' + std::to_string(times);
        if (!armed_.count(numbered) && !armed_.count(name)) return;
        holding_ = true;
        say("at " + numbered);
        std::int64_t const until = now() + longest_hold;
        for (std::string command; hear(command, until, lock) && command != "release";) {
            auto const known = commands_.find(command);
            std::function<void()> const call = known == commands_.end() ? nullptr : known->second;
            if (!call) {
                say("unknown " + command);
                continue;
            }
            lock.unlock();
            call();
            lock.lock();
        }
        if (on() && now() >= until) {
            say("expired " + numbered);
            armed_.clear();
        }
        holding_ = false;
    }

private:
    static constexpr std::int64_t second = 1'000'000'000, longest_hold = 30 * second, longest_greeting = 5 * second;
    static constexpr std::size_t longest_line = 1024;

    using mutex = fork_safe_mutex<1>;
    controller() {
        pthread_atfork(
            [] { get().mutex_.before_fork(); }, [] { get().mutex_.after_fork(); }, [] { get().mutex_.after_fork(); });
    }
    void meet() {
        pid_ = getpid();
        if (fd_ >= 0) ::close(fd_); // inherited from the parent
        fd_ = -1;
        holding_ = false;
        said_.clear();
        armed_.clear();
        reached_.clear();
        char const* const path = std::getenv("SHUTDOWN_REPRO_CONTROL");
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (!on() || !path) return;
        if (std::strlen(path) >= sizeof address.sun_path)
            return report("cannot reach the controller", "its path is too long"), lose();
        std::strcpy(address.sun_path, path);
        fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
            return report("cannot reach the controller", std::strerror(errno)), lose();
        say("hello 1 " + std::to_string(pid_));
        std::int64_t const until = now() + longest_greeting;
        for (std::string line; on() && receive(line, until) && line != "go";)
            if (line.compare(0, 4, "arm ") == 0) armed_[line.substr(4)] = true;
    }
    void say(std::string const& line) {
        std::string const whole = line + '\n';
        if (on() && ::send(fd_, whole.data(), whole.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(whole.size())) lose();
    }
    // Releases the lock while the held thread waits for a command. No other thread writes to the connection or closes
    // it meanwhile.
    bool hear(std::string& line, std::int64_t until, std::unique_lock<mutex>& lock) {
        lock.unlock();
        bool const heard = on() && receive(line, until);
        lock.lock();
        return heard;
    }
    // Reads the next line; returns false if none comes in time or the controller has disconnected.
    bool receive(std::string& line, std::int64_t until) {
        for (;;) {
            std::size_t const end = said_.find('\n');
            if (end != said_.npos) {
                line = said_.substr(0, end);
                said_.erase(0, end + 1);
                return true;
            }
            if (said_.size() > longest_line) return lose(), false;
            std::int64_t const left = until - now();
            if (left <= 0) return false;
            pollfd ear{fd_, POLLIN, 0};
            if (::poll(&ear, 1, static_cast<int>(left / 1'000'000 + 1)) <= 0) continue;
            char part[256];
            ssize_t const got = ::recv(fd_, part, sizeof part, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return lose(), false;
            said_.append(part, static_cast<std::size_t>(got));
        }
    }
    void lose() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
        on_ = false;
    }

    mutex mutex_;
    std::atomic<bool> on_{true}; // false after the controller has disconnected
    bool holding_ = false;
    int fd_ = -1;
    pid_t pid_ = -1;
    std::string said_;
    std::map<std::string, bool> armed_;
    std::map<std::string, std::uint32_t> reached_;
    std::map<std::string, std::function<void()>> commands_;
};

// Makes both before the program has a second thread: a child that is forked meanwhile would wait for the first use.
inline bool const made_early = [] {
    if (is_set("SHUTDOWN_REPRO_TRACE")) recorder::get();
    if (is_set("SHUTDOWN_REPRO_CONTROL")) controller::get();
    return true;
}();

} // namespace inside

inline bool recording() { return inside::recorder::wanted() && inside::recorder::get().on(); }

// A point at which the controller may hold the program.
inline void checkpoint(char const* name) {
    if (inside::controller::wanted() && inside::controller::get().on()) inside::controller::get().reach(name);
}

// Records any event of the format; the classes below record the common ones. The kind of the event is a checkpoint,
// too.
inline void event(char const* kind, id what = {}, id parent = {}, std::initializer_list<detail> details = {}) {
    if (recording()) inside::recorder::get().put(kind, what, parent, details);
    checkpoint(kind);
}
inline id fresh(char const* word) { return recording() ? inside::recorder::get().fresh(word) : id{}; }

// Set the functions that the commands "stop" and "free" call, in the thread that is held at a checkpoint.
template <class Call> void on_stop(Call&& call) {
    if (inside::controller::wanted()) inside::controller::get().when("stop", std::forward<Call>(call));
}
template <class Call> void on_free(Call&& call) {
    if (inside::controller::wanted()) inside::controller::get().when("free", std::forward<Call>(call));
}

// Sets the actor of the events that this thread records until the end of the block.
class acting {
public:
    explicit acting(id who) : before_(std::exchange(inside::actor(), who)) {}
    acting(acting const&) = delete;
    ~acting() { inside::actor() = before_; }

private:
    id before_;
};

class server {
public:
    explicit server(char const* name) : id_(fresh("server")) { event("server.open", id_, {}, {{"name", name}}); }
    server(server const&) = delete;
    ~server() { event("server.free", id_); }
    id who() const { return id_; }
    void listen(int port) const { event("server.listen", id_, {}, {{"port", port}}); }
    void ready() const { event("server.ready", id_); }
    void stop() const { event("act.stop", id_); }          // the server is asked to stop
    void close() const { event("server.close", id_); }     // the server accepts no more connections
    void stopped() const { event("server.stopped", id_); } // the server reports that it has stopped

private:
    id id_;
};

class scope {
public:
    explicit scope(std::string_view name) : scope(name, id{}) {}
    scope(std::string_view name, scope const& parent) : scope(name, parent.id_) {}
    scope(scope const&) = delete;
    ~scope() {
        event("scope.dispose", id_, parent_);
        event("scope.disposed", id_, parent_);
    }
    id who() const { return id_; }
    void close() const { event("scope.closed", id_, parent_); }  // nothing may begin in it from now on
    void cancel() const { event("scope.cancel", id_, parent_); } // everything in it is asked to end

private:
    scope(std::string_view name, id parent) : id_(fresh("scope")), parent_(parent) {
        event("scope.open", id_, parent_, {{"name", name}});
    }
    id id_, parent_;
};

// A piece of work: a coroutine, a handler, a chain of callbacks.
class task {
public:
    task(scope const& in, std::string_view name) : id_(fresh("coroutine")), scope_(in.who()) {
        event("coroutine.spawn", id_, scope_, {{"name", name}});
        event("coroutine.start", id_, scope_);
    }
    task(task const&) = delete;
    ~task() {
        if (!finished_) finish("completed");
        event("coroutine.remove", id_, scope_);
    }
    id who() const { return id_; }
    void suspend(char const* on) const { event("coroutine.suspend", id_, scope_, {{"on", on}}); }
    void resume(char const* with = "value") const { event("coroutine.resume", id_, scope_, {{"with", with}}); }
    void cancel() const { event("coroutine.cancel", id_, scope_); } // it is asked to end
    void finish(char const* result) {                               // "completed", "cancelled" or "failed"
        finished_ = true;
        event("coroutine.finish", id_, scope_, {{"result", result}});
    }

private:
    id id_, scope_;
    bool finished_ = false;
};

} // namespace probe
} // namespace shutdown_repro

#define SHUTDOWN_REPRO_CHECKPOINT(name) ::shutdown_repro::probe::checkpoint(name)
