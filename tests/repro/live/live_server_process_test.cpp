// Sends requests and reads the responses much later.
#include <arpa/inet.h>
#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sys/socket.h>
#include "server_under_test/http/http.hpp"
#include "server_under_test/scopes/config.hpp"
#include "tests/catch.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/rules/rule.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using traces::kind;

namespace {

server::config serves(std::uint32_t requests) {
    server::config c;
    c.handlers = {{.does = server::act::done, .delay_ms = 0}};
    c.requests = requests;
    c.together = false;
    c.stop_at = "never";
    return c;
}

struct scoped_process {
    scoped_process(test_folder const& folder, server::config const& c)
        : trace((folder.path / "trace.jsonl").string()),
          process(SERVER_UNDER_TEST,
              {"--config", server::to_json(c).dump(), "--trace", trace, "--ready-fd",
                  std::to_string(child_process::note_fd)}) {
        char line[16] = {};
        if (readable_in_time(process.notes()) && read(process.notes(), line, sizeof line - 1) > 0)
            port = static_cast<std::uint16_t>(std::atoi(line));
    }
    process_end end() {
        if (!readable_in_time(process.pidfd())) process.kill(SIGKILL);
        return process.reap().value_or(process_end{});
    }
    std::string trace;
    child_process process;
    std::uint16_t port = 0;
};

// Asks, and reads much later.
struct patient_client {
    patient_client(std::uint16_t port, std::uint32_t number)
        : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return;
        std::string request;
        server::http::write_request(request, number);
        ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    }
    // Reads the trace of a server that has exited.
    bool was_answered() {
        std::string got;
        char part[512];
        for (ssize_t n; (n = ::recv(socket.get(), part, sizeof part, 0)) > 0;)
            got.append(part, static_cast<std::size_t>(n));
        return server::http::parse_response(got).state == server::http::parse::complete;
    }
    repro::unique_fd socket;
};

process_end run_to_end(std::vector<std::string> const& arguments, std::string& said) {
    child_process p(SERVER_UNDER_TEST, arguments);
    char part[512];
    for (ssize_t n; readable_in_time(p.errors()) && (n = read(p.errors(), part, sizeof part)) > 0;)
        said.append(part, static_cast<std::size_t>(n));
    if (!readable_in_time(p.pidfd())) p.kill(SIGKILL);
    return p.reap().value_or(process_end{});
}

} // namespace

TEST_CASE("the server writes its port once it listens, and SIGTERM stops it as control:1") {
    test_folder folder;
    scoped_process s(folder, serves(1));
    REQUIRE(s.port);
    patient_client client(s.port, 1);
    REQUIRE(wait_for_change(
        folder.path, [&] { return contents(s.trace).find("\"request.finish\"") != std::string::npos; }));
    s.process.kill(SIGTERM);
    CHECK(s.end().status == 0);
    CHECK(client.was_answered());
    traces::trace const t = traces::read_file(s.trace);
    CHECK(t.problems.empty());
    REQUIRE(t.foot);
    CHECK(t.foot->exit_status == 0);
    auto const stop =
        std::find_if(t.events.begin(), t.events.end(), [](traces::event const& e) { return e.what == kind::act_stop; });
    REQUIRE(stop != t.events.end());
    CHECK(stop->by == traces::ref{traces::entity::control, 1});
}

TEST_CASE("a server that can't start prints the reason on stderr and exits with status 2") {
    test_folder folder;
    std::string const trace = (folder.path / "t.jsonl").string();
    struct mistake {
        std::vector<std::string> arguments;
        std::string expected;
    };
    mistake const mistakes[] = {
        {{}, "usage: server-under-test"},
        {{"--config", "{}"}, "usage: server-under-test"},
        {{"--config"}, "usage: server-under-test"},
        {{"--colour", "red"}, "unknown option \"--colour\""},
        {{"--config", "{}", "--trace", trace, "--ready-fd", "three"}, "--ready-fd must be a descriptor, not \"three\""},
        {{"--config", "{", "--trace", trace}, "parse error"},
        {{"--config", R"({"policy":"hope"})", "--trace", trace}, "hope"},
        {{"--config", "@/no/such/file", "--trace", trace}, "cannot read /no/such/file"},
        {{"--config", "{}", "--trace", "/no/such/folder/t"}, "cannot write /no/such/folder/t"},
        {{"--config", "{}", "--trace", "/dev/full"}, "cannot write /dev/full"},
    };
    for (mistake const& m : mistakes) {
        std::string said;
        CHECK(run_to_end(m.arguments, said).status == 2);
        CHECK_THAT(said, ContainsSubstring(m.expected));
    }
}

TEST_CASE("a server that is killed while serving loses at most a torn last line of its trace") {
    std::minstd_rand random(74);
    constexpr std::uint32_t requests = 40;
    constexpr std::size_t least_trace = requests * 1500; // bytes; what is written for one request is more
    server::config slowly = serves(requests);
    for (std::int64_t ms : {0, 4, 1, 6, 2, 7, 3, 5})
        slowly.handlers.push_back({.does = server::act::done, .delay_ms = ms});
    slowly.handlers.erase(slowly.handlers.begin());
    for (std::size_t i = 8; i < requests; ++i) slowly.handlers.push_back(slowly.handlers[i - 8]);
    std::size_t answered = 0;
    for (int round = 0; round < 200; ++round) {
        test_folder folder;
        scoped_process s(folder, slowly);
        REQUIRE(s.port);
        std::vector<patient_client> clients;
        std::size_t const kill_at = std::uniform_int_distribution<std::size_t>(0, least_trace)(random);
        for (std::uint32_t i = 1; i <= requests; ++i) clients.emplace_back(s.port, i);
        REQUIRE(wait_for_change(folder.path, [&] { return std::filesystem::file_size(s.trace) >= kill_at; }));
        s.process.kill(SIGKILL);
        CHECK(s.end().signal == SIGKILL);

        traces::trace const t = traces::read_file(s.trace);
        INFO("round " << round);
        CHECK_FALSE(t.foot);
        REQUIRE_FALSE(t.problems.empty());
        CHECK(t.problems.back() == traces::cut_short);
        if (t.problems.size() > 1) CHECK_THAT(t.problems[0], ContainsSubstring("is torn"));
        CHECK(t.problems.size() <= 2);
        std::set<std::uint32_t> responded;
        for (std::size_t i = 0; i < t.events.size(); ++i) {
            CHECK(t.events[i].seq == i);
            if (t.events[i].what == kind::request_respond) responded.insert(t.events[i].id.number);
        }
        for (std::uint32_t i = 1; i <= requests; ++i) {
            if (!clients[i - 1].was_answered()) continue;
            ++answered;
            CHECK(responded.count(i) == 1); // what a client has seen, the trace knows
        }
        traces::rule_run rules;
        rules.on_header(t.head);
        for (traces::event const& e : t.events) rules.put(e);
        rules.finish(false);
        CHECK(traces::verdict_of(rules.violations(), false) == traces::verdict::inconclusive);
    }
    CHECK(answered > 0);
    CHECK(answered < 200 * requests); // some were killed before they had answered everybody
}
