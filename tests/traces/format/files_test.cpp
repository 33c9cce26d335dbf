// Trace files after a full disk, an interrupted call and the death of the writer, and the errors that are reported.
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"

using namespace shutdown_repro::traces;

namespace {

event numbered(seq_t seq) {
    event e;
    e.seq = seq;
    e.what = kind::scope_open;
    e.id = {entity::scope, static_cast<std::uint32_t>(seq) + 1};
    return e;
}

trace of_events(std::size_t n) {
    trace t;
    for (seq_t i = 0; i < n; ++i) t.append(numbered(i));
    t.foot.emplace().events = n;
    return t;
}

// Limits the size of files to `bytes` during its lifetime: the kernel cuts the write that exceeds it, and refuses the
// next.
class small_disk {
public:
    explicit small_disk(rlim_t bytes) : before_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit const small{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    small_disk(small_disk const&) = delete;
    ~small_disk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, before_handler_);
    }

private:
    rlimit before_{};
    void (*before_handler_)(int);
};

} // namespace

TEST_CASE("each event of a sink is in the file at once, without a footer or a destructor") {
    temporary_folder folder;
    std::string const path = folder / "trace.jsonl";
    pid_t const child = ::fork();
    if (child == 0) {
        file_sink sink(path);
        sink.head({});
        for (seq_t i = 0; i < 10; ++i) sink.put(numbered(i));
        ::raise(SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    trace const t = read_file(path);
    CHECK(t.events.size() == 10);
    CHECK(t.problems == std::vector<std::string>{"there is no footer: the trace was cut short"});
}

TEST_CASE("a sink's file is the same as the whole trace written at once") {
    temporary_folder folder;
    trace const t = read_file(TEST_DATA "/every-kind.jsonl");
    {
        file_sink sink(folder / "events.jsonl");
        sink.head(t.head);
        for (event const& e : t.events) sink.put(e);
        sink.foot(*t.foot);
        CHECK(sink.error().empty());
        CHECK(sink.dropped() == 0);
    }
    write_file(folder / "whole.jsonl", t);
    CHECK(content_of(folder / "events.jsonl") == content_of(folder / "whole.jsonl"));
    CHECK(content_of(folder / "whole.jsonl") == content_of(TEST_DATA "/every-kind.jsonl"));
}

TEST_CASE("a sink empties the file that was there before") {
    temporary_folder folder;
    std::string const path = folder / "trace.jsonl";
    std::ofstream(path) << "an old trace\n";
    file_sink sink(path);
    sink.head({});
    CHECK(content_of(path) == a_header);
}

TEST_CASE("a sink on a full disk counts what it drops and says which file and why") {
    file_sink sink("/dev/full");
    sink.head({});
    CHECK(sink.error() == "cannot write /dev/full: No space left on device");
    for (seq_t i = 0; i < 3; ++i) sink.put(numbered(i));
    sink.foot({});
    CHECK(sink.dropped() == 3);
}

TEST_CASE("a disk that fills up in the middle of a line leaves a torn last line and nothing after it") {
    temporary_folder folder;
    std::string const path = folder / "trace.jsonl", line = line_of(numbered(0));
    {
        file_sink sink(path);
        sink.head({});
        {
            small_disk const disk(a_header.size() + 2 * line.size() + 10);
            for (seq_t i = 0; i < 5; ++i) sink.put(numbered(i));
            CHECK(sink.dropped() == 3);
            CHECK(sink.error() == "cannot write " + path + ": File too large");
        }
        // There is space again, but a line after the torn one would make the trace unreadable.
        sink.put(numbered(5));
        sink.foot({6, sink.dropped(), 0, "", ""});
        CHECK(sink.dropped() == 4);
    }
    trace const t = read_file(path);
    CHECK(t.events.size() == 2);
    CHECK_FALSE(t.foot);
    REQUIRE(t.problems.size() == 2);
    CHECK_THAT(t.problems[0], ContainsSubstring("line 4 is torn"));
}

TEST_CASE("an event that a signal interrupts again and again is written whole") {
    temporary_folder folder;
    std::string const pipe = folder / "pipe", text(1'000'000, 'x'); // many times the capacity of a pipe
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);

    static std::atomic<int> interrupted;
    interrupted = 0;
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { ++interrupted; };
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0); // without SA_RESTART, so system calls are interrupted

    std::string received;
    std::thread reader([&, writer = ::pthread_self()] {
        int const fd = ::open(pipe.c_str(), O_RDONLY);
        char buffer[40'000];
        // After the first byte the writer has passed open(). From then on each signal interrupts a blocked write.
        for (ssize_t n = ::read(fd, buffer, 1); n > 0; n = ::read(fd, buffer, sizeof buffer)) {
            received.append(buffer, static_cast<std::size_t>(n));
            int const seen = interrupted;
            if (received.size() < text.size() && ::pthread_kill(writer, SIGUSR1) == 0)
                while (interrupted == seen) std::this_thread::yield();
        }
        ::close(fd);
    });
    field const fields[] = {{"text", text}};
    event e = numbered(0);
    e.detail = fields;
    {
        file_sink sink(pipe);
        sink.put(e);
        CHECK(sink.error().empty());
        CHECK(sink.dropped() == 0);
    }
    reader.join();
    ::sigaction(SIGUSR1, &before, nullptr);
    CHECK(interrupted > 10);
    CHECK((received == line_of(e)));
}

TEST_CASE("a sink that cannot be opened names the file and the reason") {
    CHECK_THROWS_WITH(
        file_sink("/nowhere/trace.jsonl"), "cannot write /nowhere/trace.jsonl: No such file or directory");
}

TEST_CASE("a trace that cannot be written completely is an error that names the file and the reason") {
    temporary_folder folder;
    CHECK_THROWS_WITH(write_file("/dev/full", of_events(3)), "cannot write /dev/full: No space left on device");
    CHECK_THROWS_WITH(write_file("/nowhere/trace.jsonl", of_events(3)),
        "cannot write /nowhere/trace.jsonl: No such file or directory");
    CHECK_THROWS_WITH(write_file(folder / ".", of_events(3)), ContainsSubstring("Is a directory"));
    CHECK(folder.entries() == 0);
}

TEST_CASE("a full disk leaves the old trace as it was and no temporary file") {
    temporary_folder folder;
    std::string const path = folder / "trace.jsonl";
    write_file(path, of_events(3));
    std::string const old = content_of(path);
    {
        small_disk const disk(5000);
        CHECK_THROWS_WITH(write_file(path, of_events(1000)), "cannot write " + path + ": File too large");
        CHECK_THROWS_WITH(
            write_file(folder / "new.jsonl", of_events(100'000)), ContainsSubstring("new.jsonl: File too large"));
    }
    CHECK(content_of(path) == old);
    CHECK(folder.entries() == 1);
    write_file(path, of_events(100'000)); // written in several pieces
    CHECK((content_of(path) == text_of(of_events(100'000))));
}

TEST_CASE("a trace is made where a symbolic link points to nothing yet, and a circle of links is an error") {
    temporary_folder folder;
    std::string const link = folder / "link.jsonl", circle = folder / "circle.jsonl";
    std::filesystem::create_directory(folder / "sub");
    std::filesystem::create_symlink("sub/second.jsonl", link);
    std::filesystem::create_symlink("../target.jsonl", folder / "sub/second.jsonl");
    write_file(link, of_events(1));
    CHECK(std::filesystem::is_symlink(link));
    CHECK(content_of(folder / "target.jsonl") == text_of(of_events(1)));
    std::filesystem::create_symlink("circle.jsonl", circle);
    CHECK_THROWS_WITH(write_file(circle, of_events(1)), ContainsSubstring("Too many levels of symbolic links"));
    CHECK(std::filesystem::is_symlink(circle));
}

TEST_CASE("a trace replaces what a symbolic link points to, and keeps the link and the file's mode") {
    temporary_folder folder;
    std::string const target = folder / "target.jsonl", link = folder / "link.jsonl";
    write_file(target, of_events(1));
    ::chmod(target.c_str(), 0600);
    std::filesystem::create_symlink("target.jsonl", link);
    write_file(link, of_events(2));
    CHECK(std::filesystem::is_symlink(link));
    CHECK(content_of(target) == text_of(of_events(2)));
    CHECK((std::filesystem::status(target).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}
