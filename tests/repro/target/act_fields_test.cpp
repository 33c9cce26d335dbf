// The fields of acts in target files: what is read, and the errors, which name field, line and remedy.
#include <csignal>
#include "repro/input/errors.hpp"
#include "repro/target/target.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::repro;

namespace {

// The act is in line 3.
target with_act(std::string const& act) {
    return target_from_text("{\"format\": \"shutdown-repro/target\", \"version\": \"1.0\", \"name\": \"mine\",\n"
                            "\"command\": [\"server\"],\n" +
            act + "}",
        "mine.json");
}

void refused(std::string const& act, std::string const& problem) {
    INFO(act);
    CHECK_THROWS_WITH(with_act("\"act\": " + act), Catch::Matchers::StartsWith("mine.json:3: " + problem));
}

} // namespace

TEST_CASE("an act that is only named has its usual signal and number of times") {
    CHECK(with_act(R"("act": "reload")").act.order.signal == SIGHUP);
    CHECK(with_act(R"("act": "upgrade")").act.order.signal == SIGUSR2);
    CHECK(with_act(R"("act": "recycle")").act.times == 3);
    CHECK(with_act(R"("act": "none")").act.what == act_kind::none);
    CHECK(with_act(R"("act": "stop")").act.what == act_kind::stop);
}

TEST_CASE("every field of an act is read") {
    act_plan const told =
        with_act(R"("act": {"do": "upgrade", "signal": "SIGUSR1", "then": {"command": ["true", "{pid}"]},
        "effect": "exec", "answer": "/version", "times": 2})")
            .act;
    CHECK(told.order.by == stop_method::signal);
    CHECK(told.order.signal == SIGUSR1);
    REQUIRE(told.then.has_value());
    CHECK(told.then->command == std::vector<std::string>{"true", "{pid}"});
    CHECK(told.effect == "exec");
    CHECK(told.answer == "/version");
    CHECK(told.times == 2);
    act_plan const asked =
        with_act(R"("act": {"do": "reload", "http": {"method": "POST", "path": "/reload", "body": "now"}})").act;
    CHECK(asked.order.by == stop_method::http);
    CHECK(asked.order.http.in_words() == "POST /reload");
    CHECK(asked.order.http.body == "now");
    CHECK(with_act(R"("act": {"do": "recycle", "requests": 40})").act.requests == 40);
    CHECK(with_act(R"("act": {"do": "successor", "listen_fds": true})").act.listen_fds);
}

TEST_CASE("an act that a target only names is the one that it describes, and others have their defaults") {
    target t = with_act(R"("act": "reload", "acts": [{"do": "reload", "signal": "SIGUSR1"}])");
    CHECK(t.act.order.signal == SIGUSR1);
    choose_act(t, "upgrade");
    CHECK(t.act.order.signal == SIGUSR2);
    CHECK_THROWS_WITH(choose_act(t, "relaod"), ContainsSubstring("did you mean \"reload\"?"));
}

TEST_CASE("a wrong act is refused, with its field, its line and what is right") {
    refused("5", "\"act\" must be an act, such as {\"do\": \"reload\", \"signal\": \"SIGHUP\"}");
    refused(R"("relaod")", "\"act\" can't be \"relaod\"; did you mean \"reload\"?");
    refused(R"({"signal": "SIGHUP"})", "\"act\" has no \"do\", which is stop, reload");
    refused(R"({"do": "restart"})", "\"act.do\" can't be \"restart\"");
    refused(R"({"do": "reload", "efect": "socket"})", "unknown field \"act.efect\"; did you mean \"effect\"?");
    refused(R"({"do": "reload", "signal": "SIGHUP", "command": ["true"]})", "\"act\" must have only one of");
}

TEST_CASE("an order of an act is refused where it is none, or where the act has none") {
    refused(R"({"do": "reload", "signal": "HANGUP"})", "\"act.signal\" must be a signal, such as \"SIGTERM\"");
    refused(R"({"do": "reload", "signal": "SIGKILL"})", "\"act.signal\" must be a signal that a process can handle");
    refused(R"({"do": "reload", "command": []})", "\"act.command\" must have 1 to 256 items");
    refused(R"({"do": "reload", "http": {"path": "reload"}})", "\"act.http.path\" must be a path on the server");
    refused(R"({"do": "upgrade", "then": {"signal": "SIGTERM", "command": ["true"]}})",
        "\"act.then\" must have exactly one of \"signal\", \"command\" and \"http\"");
    refused(R"({"do": "upgrade", "then": {"singal": "SIGTERM"}})", "unknown field \"act.then.singal\"");
    refused(R"({"do": "recycle", "signal": "SIGHUP"})", "\"act.signal\" is of a reload or an upgrade only");
    refused(R"({"do": "successor", "signal": "SIGTERM"})",
        "\"act.signal\" is of a reload or an upgrade only; how the server is stopped is said by \"stop\"");
    refused(R"({"do": "successor", "then": {"signal": "SIGTERM"}})", "\"act.then\" is of a reload or an upgrade only");
}

TEST_CASE("what shows the effect of an act, and how often it is done, is refused where it has no meaning") {
    refused(R"({"do": "reload", "effect": "magic"})",
        "\"act.effect\" can't be \"magic\": one of \"processes\", \"exec\", \"socket\"");
    refused(R"({"do": "recycle", "effect": "processes"})", "\"act.effect\" is of a reload or an upgrade only");
    refused(R"({"do": "reload", "answer": "version"})", "\"act.answer\" must be a path on the server");
    refused(R"({"do": "reload", "answer": {"path": "/version"}})", "\"act.answer\" must be a path on the server");
    refused(R"({"do": "none", "answer": "/version"})", "\"act.answer\" is of a reload or an upgrade only");
    refused(R"({"do": "reload", "times": 0})", "\"act.times\" must be a number of times");
    refused(R"({"do": "reload", "times": 21})", "\"act.times\" must be a number of times");
    refused(R"({"do": "successor", "times": 2})",
        "\"act.times\" is of a reload, an upgrade or a recycle only; use --repeat");
    refused(R"({"do": "recycle", "requests": 0})", "\"act.requests\" must be a number of requests");
    refused(R"({"do": "reload", "requests": 40})", "\"act.requests\" is of a recycle only");
    refused(R"({"do": "successor", "listen_fds": "yes"})", "\"act.listen_fds\" must be true or false");
    refused(R"({"do": "reload", "listen_fds": true})", "\"act.listen_fds\" is of a successor only");
}

TEST_CASE("the list of acts is refused when it is empty or describes one twice") {
    CHECK_THROWS_WITH(
        with_act(R"("acts": [])"), Catch::Matchers::StartsWith("mine.json:3: \"acts\" must have 1 to 6 items"));
    CHECK_THROWS_WITH(with_act(R"("acts": ["reload",
        {"do": "reload"}])"),
        Catch::Matchers::StartsWith("mine.json:4: \"acts.2\" describes the act \"reload\" again"));
}

TEST_CASE("a Unix path is refused when it is none, or too long for a socket") {
    for (std::string const& path :
        {std::string("\"app.sock\""), "\"/" + std::string(100, 'x') + "\"", std::string("7")})
        CHECK_THROWS_WITH(with_act("\"unix\": " + path), Catch::Matchers::StartsWith("mine.json:3: \"unix\" must be"));
}
