// Tests the controller of a target with peers that follow the protocol and with peers that violate it.
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "repro/process/private_folder.hpp"
#include "repro/target/control_socket.hpp"
#include "tests/catch.hpp"
#include "traces/clock.hpp"

using namespace shutdown_repro;
using repro::control_socket;

namespace {

constexpr traces::nanoseconds millisecond = 1'000'000, enough = 10'000 * millisecond;

struct stage {
    repro::private_folder folder;
    repro::poller events;
    std::string path = folder.file("control");
    std::vector<std::string> held;

    // Runs the loop until the condition holds; the limit applies only when a test fails.
    template <class predicate> bool until(predicate so) {
        for (traces::nanoseconds const last = traces::monotonic_now() + enough; !so();) {
            if (traces::monotonic_now() > last) return false;
            events.wait(traces::monotonic_now() + 5 * millisecond);
        }
        return true;
    }
};

class peer {
public:
    explicit peer(stage& s) : stage_(s), socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, s.path.c_str());
        REQUIRE(connect(socket_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
    }
    void say(std::string const& text) {
        REQUIRE(send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    }
    // Returns whether exactly this line arrives next; "" stands for the end of the stream.
    bool hears(std::string const& expected) {
        bool over = false;
        stage_.until([&] {
            char part[256];
            ssize_t const got = recv(socket_.get(), part, sizeof part, 0);
            if (got > 0) heard_.append(part, static_cast<std::size_t>(got));
            over = over || got == 0;
            return over || (!expected.empty() && heard_.size() >= expected.size());
        });
        bool const so = expected.empty() ? over && heard_.empty() : heard_.starts_with(expected);
        heard_.erase(0, expected.size());
        return so;
    }
    void die() { socket_ = repro::unique_fd(); }

private:
    stage& stage_;
    repro::unique_fd socket_;
    std::string heard_;
};

control_socket::on_held keeps(stage& s) {
    return [&s](control_socket&, std::string_view point) { s.held.emplace_back(point); };
}

using problems = std::vector<std::string>;

} // namespace

TEST_CASE("a target is held at an armed point, told to stop there, and released") {
    stage s;
    control_socket control(
        s.events, s.path, {"after-accept", "request.begin#2"}, [&](control_socket& c, std::string_view point) {
            s.held.emplace_back(point);
            c.tell("stop");
            c.release();
        });
    peer target(s);
    target.say("hello 1 4711\n");
    CHECK(target.hears("arm after-accept\narm request.begin#2\ngo\n"));
    target.say("at request.begin#2\n");
    CHECK(target.hears("stop\nrelease\n"));
    target.say("at after-accept#1\n");
    CHECK(target.hears("stop\nrelease\n"));
    CHECK(s.held == std::vector<std::string>{"request.begin#2", "after-accept#1"});
    control.target_is_over();
    CHECK(control.problems().empty());
}

TEST_CASE("a point that the target never reaches makes the execution inconclusive") {
    stage s;
    control_socket control(s.events, s.path, {"after-accept"}, keeps(s));
    control.target_is_over();
    CHECK(control.problems() == problems{"the target never reached after-accept"});
}

TEST_CASE("a process that is held too long is released, and the execution is inconclusive") {
    stage s;
    control_socket control(s.events, s.path, {"p"}, keeps(s), 0);
    peer target(s);
    target.say("hello 1 1\nat p#1\n");
    CHECK(target.hears("arm p\ngo\n"));
    REQUIRE(s.until([&] { return control.holds(); }));
    CHECK(control.next_due() <= traces::monotonic_now());
    control.on_time();
    CHECK(target.hears("release\n"));
    CHECK(control.problems() == problems{"the process held at p#1 was not released in time"});
}

TEST_CASE("a target that dies while it is held is a recorded problem") {
    stage s;
    control_socket control(s.events, s.path, {"p"}, keeps(s));
    peer target(s);
    target.say("hello 1 7\nat p#1\n");
    REQUIRE(s.until([&] { return control.holds(); }));
    target.die();
    REQUIRE(s.until([&] { return !control.holds(); }));
    CHECK(control.problems() == problems{"process 7 disconnected while it was held at p#1"});
    control.release(); // of nobody
}

TEST_CASE("a peer that violates the protocol or its version is dropped") {
    auto const dropped = [](std::string const& says, std::string const& told) {
        stage s;
        control_socket control(s.events, s.path, {"p"}, keeps(s));
        peer target(s);
        target.say(says);
        REQUIRE(s.until([&] { return !control.problems().empty(); }));
        CHECK_THAT(control.problems().front(), ContainsSubstring(told));
        CHECK(s.held.empty());
    };
    dropped(
        "GET / HTTP/1.1\n", "a process of the target sent a line that is not part of the protocol: \"GET / HTTP/1.1\"");
    dropped("hello 2 7\n", "\"hello 2 7\"");
    dropped("hello 1 seven\n", "\"hello 1 seven\"");
    dropped("at p#1\n", "\"at p#1\"");
    dropped(
        "hello 1 7\nat elsewhere#1\n", "process 7 sent a line that is not part of the protocol: \"at elsewhere#1\"");
    dropped(std::string("\0\xff\x80\n", 4), "is not part of the protocol");
    dropped(std::string(5000, 'x'), "sent a line that is too long");
}

TEST_CASE("a silent peer blocks no other peer") {
    stage s;
    control_socket control(s.events, s.path, {}, keeps(s));
    peer silent(s), other(s);
    other.say("hello 1 2\n");
    CHECK(other.hears("go\n"));
    CHECK(control.problems().empty());
}

TEST_CASE("when the controller is destroyed, the target sees the end of the connection and the socket is removed") {
    stage s;
    auto control = std::make_unique<control_socket>(s.events, s.path, std::vector<std::string>{"p"}, keeps(s));
    peer target(s);
    target.say("hello 1 2\nat p#1\n");
    CHECK(target.hears("arm p\ngo\n"));
    REQUIRE(s.until([&] { return control->holds(); }));
    control.reset();
    CHECK(target.hears(""));
    CHECK(access(s.path.c_str(), F_OK) != 0);
}

TEST_CASE("an invalid point is refused") {
    stage s;
    for (char const* wrong : {"", "#1", "a b", "p#", "p#0", "p#x", "p\n"})
        CHECK_THROWS_WITH(
            control_socket(s.events, s.path, {wrong}, keeps(s)), ContainsSubstring("is not a point of a target"));
}
