// Tests target files: their values are read, and errors name their lines.
#include <csignal>
#include "repro/input/errors.hpp"
#include "repro/probe/probe.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::repro;

namespace {

std::string with(std::string const& fields) {
    return "{\"format\": \"shutdown-repro/target\", \"version\": \"1.0\",\n\"name\": \"mine\", \"command\": "
           "[\"server\"]" +
        (fields.empty() ? "" : ",\n" + fields) + "}";
}

} // namespace

TEST_CASE("a target file defines how the server starts, when it is ready, how it stops and which URL is slow") {
    target const t = target_from_text(
        with(
            R"("files": {"a.conf": "one", "b.conf": ["first", "second"]}, "environment": {"A": "{backend}"}, "port": 8080,
        "ready": {"http": {"path": "/up", "status": 204}, "log": "listening on [0-9]+", "command": ["true"], "workers": 3, "within_ms": 50},
        "stop": {"signal": "SIGQUIT"}, "wrong_signal": "TERM", "second_signal": {"signal": "SIGINT", "meaning": "force"}, "grace_ms": 7, "drain_ms": 5,
        "exit": [0, 143], "path": "/fast", "stream": "/events")"),
        "mine.json");
    CHECK(t.name == "mine");
    CHECK(t.files == target::named_texts{{"a.conf", "one"}, {"b.conf", "first\nsecond\n"}});
    CHECK(t.ready.http->path == "/up");
    CHECK(t.ready.http->status == 204);
    CHECK(t.ready.workers == 3);
    CHECK(t.stop.signal == SIGQUIT);
    CHECK(t.wrong() == SIGTERM);
    CHECK(t.second_signal == SIGINT);
    CHECK(t.second_forces);
    CHECK(t.exit == std::vector{0, 143});
    CHECK(t.uses_backend());
    CHECK(t.slow.path == "/slow"); // the bundled backend's
    CHECK(t.stream.path == "/events");
}

TEST_CASE("a URL of a target is a path, or a request with a method, headers and a body") {
    target const t =
        target_from_text(with(R"("path": {"path": "/a", "headers": {"Accept": "text/html", "Host": "shop"}},
        "slow": {"method": "POST", "path": "/jobs", "body": ["a", "b"]},
        "upload": {"path": "/store", "method": "PUT", "body_bytes": 10}, "large": "/big",
        "ready": {"http": {"path": "/up", "headers": {"Authorization": "Basic eA=="}, "status": 204}})"),
            "mine.json");
    CHECK(t.path.headers == target::named_texts{{"Accept", "text/html"}, {"Host", "shop"}});
    CHECK(t.slow.in_words() == "POST /jobs");
    CHECK(t.slow.body == "a\nb\n");
    CHECK(t.upload.method == "PUT");
    CHECK(t.upload.body.size() == 10);
    CHECK(t.large.path == "/big");
    CHECK(t.ready.http->headers.size() == 1);
    CHECK(target_from_text(with(R"("upload": "/store")"), "mine.json").upload.body.size() == 65'536);
}

TEST_CASE("a target says how long it accepts on purpose, what is left after the exit, and which rules are allowed") {
    target const t = target_from_text(with(R"("accepts_for_ms": 1500, "allow": ["fd-leak"], "effects": [
        {"file": "{folder}/a.log", "has": ["one", "two"], "for_each_answer": "^answered"},
        {"output": true, "matches": "^bye"}, {"command": ["test", "-s", "{folder}/state"]}])"),
        "mine.json");
    CHECK(t.accepts_for_ms == 1500);
    CHECK(t.allow == target::words{"fd-leak"});
    REQUIRE(t.effects.size() == 3);
    CHECK(t.effects[0].has == target::words{"one", "two"});
    CHECK(t.effects[1].output);
    CHECK(t.effects[2].command.size() == 3);
    CHECK_THAT(to_json_text(t), ContainsSubstring("\"accepts_for_ms\":1500"));
}

TEST_CASE("by default SIGTERM stops a target and SIGINT is the wrong signal") {
    target const t = target_from_text(with(""), "mine.json");
    CHECK(t.stop_in_words() == "SIGTERM");
    CHECK(t.wrong() == SIGINT);
    CHECK_FALSE(t.uses_backend());
    CHECK_THAT(why_not(t, "in-flight"), ContainsSubstring("--slow PATH"));
    CHECK_THAT(why_not(t, "stream"), ContainsSubstring("--stream PATH"));
    CHECK(why_not(t, "idle").empty());
}

TEST_CASE("an error in a target file names its line and the remedy") {
    struct {
        std::string fields, says;
    } const cases[] = {
        {R"("grce_ms": 5)", "mine.json:3: unknown field \"grce_ms\"; did you mean \"grace_ms\"?"},
        {R"("tried_with": ["20.x"])",
            "mine.json:3: \"tried_with.1\" must be a version, such as \"18.20\", not \"20.x\""},
        {R"("tried_with": [])", "mine.json:3: \"tried_with\" must have 1 to"},
        {R"("grace_ms": "lots")", "mine.json:3: \"grace_ms\" must be a number of milliseconds, not \"lots\""},
        {R"("stop": {"signal": "SIGTRM"})",
            "mine.json:3: \"stop.signal\" must be a signal, such as \"SIGTERM\", not \"SIGTRM\""},
        {R"("stop": {"signal": "SIGKILL"})", "must be a signal that a process can handle"},
        {R"("stop": {"signal": "SIGTERM", "command": ["x"]})", "must have exactly one of"},
        {R"("stop": {})", "must have exactly one of"},
        {R"("wrong_signal": "SIGTERM")", "must differ from the signal that stops the server"},
        {R"("ready": {"log": "("})", "\"ready.log\" is not a regular expression"},
        {R"("ready": {"htp": {}})", "did you mean \"http\"?"},
        {R"("slow": "slow")", "must be a path on the server"},
        {R"("slow": "/a path")", "must be a path on the server"},
        {R"("slow": {"method": "POST"})", "mine.json:3: \"slow\" has no \"path\""},
        {R"("slow": {"path": "/a", "method": "GET /b"})", "must be a method, such as \"POST\""},
        {R"("slow": {"path": "/a", "headers": {"a b": "c"}})", "is not a valid name of a header"},
        {R"("slow": {"path": "/a", "headers": {"A": "b\r\nc"}})", "must be one line of text"},
        {R"("slow": {"path": "/a", "headers": {"content-length": "5"}})", "the clients send the length of the body"},
        {R"("slow": {"path": "/a", "body": "x", "body_bytes": 5})", "has both \"body\" and \"body_bytes\""},
        {R"("slow": {"path": "/a", "staus": 200})", "unknown field"},
        {R"("upload": {"path": "/a", "body": ""})", "needs a body of at least 2 bytes"},
        {R"("allow": ["fd-leek"])", "did you mean \"fd-leak\"?"},
        {R"("effects": [{"has": "x"}])", "must have exactly one of \"file\", \"output\" and \"command\""},
        {R"("effects": [{"output": true}])", "needs \"has\", \"matches\" or \"for_each_answer\""},
        {R"("effects": [{"output": true, "matches": "("}])", "is not a regular expression"},
        {R"("effects": [{"command": ["true"], "has": "x"}])", "says nothing of lines"},
        {R"("program": true, "adapter": "own", "environment": {"BACKEND": "{backend}"})",
            "so {backend} has no meaning in it"},
        {R"("files": {"../x": "y"})", "must be a plain file name"},
        {R"("exit": [256])", "must be an exit status from 0 to 255"},
        {R"("second_signal": {"meaning": "faster"})", "\"second_signal.meaning\" can't be \"faster\""},
    };
    for (auto const& c : cases) {
        INFO(c.fields);
        CHECK_THROWS_WITH(target_from_text(with(c.fields), "mine.json"), ContainsSubstring(c.says));
    }
    CHECK_THROWS_WITH(
        target_from_text("{\"format\": \"shutdown-repro/target\", \"version\": \"1.0\", \"name\": \"x\"}", "x.json"),
        ContainsSubstring("has no \"command\""));
    CHECK_THROWS_WITH(
        target_from_text(
            R"({"format": "shutdown-repro/target", "version": "2.0", "name": "x", "command": ["x"]})", "x.json"),
        ContainsSubstring("newer"));
    CHECK_THROWS_WITH(load_target("ngnix"), ContainsSubstring("unknown target \"ngnix\"; did you mean \"nginx\"?"));
    CHECK_THROWS_WITH(load_target("missing.json"), ContainsSubstring("cannot read missing.json"));
}

TEST_CASE("every preset is valid, has a package and takes every probe but that of an intended delay") {
    std::size_t servers = 0;
    for (target const& t : preset_targets()) {
        INFO(t.name);
        CHECK_FALSE(t.package.empty());
        CHECK_FALSE(t.version.empty());
        CHECK(load_target(t.name).command == t.command);
        if (t.program) continue; // programs have no probes
        ++servers;
        for (probe_info const& p : all_probes())
            if (p.name != "drain-delay") CHECK(why_not(t, p.name).empty());
    }
    CHECK(servers == 14);
}

TEST_CASE("every preset says which versions it was tried with, down to the part that counts") {
    for (target const& t : preset_targets()) {
        INFO(t.name);
        CHECK_FALSE(t.tried_with.empty());
    }
    target const t = target_from_text(with(R"("tried_with": ["18.20", "20"])"), "mine.json");
    for (char const* tried : {"18.20", "18.20.4", "20", "20.0.1"}) CHECK(t.tried(tried));
    for (char const* not_tried : {"", "18", "18.2", "18.200", "2", "200.1", "21.20"}) CHECK_FALSE(t.tried(not_tried));
    CHECK_FALSE(target_from_text(with(""), "mine.json").tried("1.0"));
}

// A name is ::1 first on one machine and 127.0.0.1 on another, and the slow backend listens on the latter.
TEST_CASE("every preset asks the slow backend by its address") {
    for (target const& t : preset_targets())
        for (auto const& [name, text] : t.files)
            for (std::size_t at = text.find("{backend}"); at != text.npos; at = text.find("{backend}", at + 1)) {
                std::size_t const begin = text.rfind('\n', at) + 1;
                std::string const line = text.substr(begin, text.find('\n', at) - begin);
                INFO(t.name << ": " << line);
                CHECK_THAT(line, ContainsSubstring("127.0.0.1"));
            }
}

TEST_CASE("the nearest name is suggested for an unknown probe") {
    CHECK_THROWS_WITH(why_not(load_target("nginx"), "inflight"), ContainsSubstring("did you mean \"in-flight\"?"));
}
