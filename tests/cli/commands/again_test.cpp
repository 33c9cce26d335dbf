// Tests that the trace of a real server holds all that its command needs.
#include <nlohmann/json.hpp>
#include <set>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/repro/probe/installed.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

constexpr char const* slow_server = R"py(import http.server, sys, time
class shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1 if self.path == "/report" else 0)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"done\n")
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), shop).serve_forever()
)py";

bool has_python() {
    if (run_line("command -v python3", "/").status == 0) return true;
    shutdown_repro::tests::skip("python3 is not installed");
    return false;
}

std::set<std::string> violated_rules(folder const& here, std::string const& trace) {
    result const r = run({"check", trace, "--json"}, {.in = here.path()});
    INFO(r.out << r.err);
    json const report = json::parse(r.out);
    std::set<std::string> rules;
    for (json const& v : report["violations"])
        if (v["severity"] != "note") rules.insert(v["rule"]);
    return rules;
}

std::string reported_command(folder const& here, std::string const& trace) {
    result const r = run({"inspect", trace, "--markdown"}, {.in = here.path()});
    INFO(r.out << r.err);
    std::size_t const begin = r.out.find("```sh\n") + 6;
    REQUIRE(begin > 6);
    return r.out.substr(begin, r.out.find("\n```", begin) - begin);
}

// Runs the command of the bug report of a trace, which must write a trace of the same name with the same rules.
std::string repeats(folder const& here, std::string const& trace) {
    std::string const line = reported_command(here, trace);
    std::set<std::string> const before = violated_rules(here, trace);
    std::remove(here.file(trace).c_str());
    result const r = run_line(line, here.path());
    INFO(line << "\n" << r.out << r.err);
    CHECK(r.status == 1);
    REQUIRE(here.has(trace));
    CHECK_FALSE(before.empty());
    CHECK(violated_rules(here, trace) == before);
    return line;
}

json const shop_file = {{"format", "shutdown-repro/target"}, {"version", "1.0"}, {"name", "shop"},
    {"command", {"sh", "-c", "test -r {folder}/page && exec python3 shop.py \"$0\"", "{port}"}}, {"slow", "/report"},
    {"grace_ms", 3000}, {"exit", {0, 3}}, {"files", {{"page", {"it's one line", "\"two\\n\" lines"}}}},
    {"environment", {{"TEXT", "a\nb\\n 'c'"}}}, {"ready", {{"http", {{"path", "/"}}}, {"within_ms", 8000}}}};

} // namespace

TEST_CASE("the bug report of a real server names a command with all options that the run had") {
    if (!has_python()) return;
    folder const here;
    here.write("shop.py", slow_server);
    result const r = run({"run", "--slow", "/report", "--probe", "in-flight,silent", "--connections", "3", "--grace",
                             "4000", "--signal", "SIGHUP", "--", "python3", "shop.py", "{port}"},
        {.in = here.path()});
    INFO(r.out << r.err);
    REQUIRE(r.status == 1);
    for (std::string const probe : {"in-flight", "silent"}) {
        std::string const line = repeats(here, "python3-" + probe + ".jsonl");
        CHECK(line ==
            "shutdown-repro run --probe " + probe +
                " --slow /report --signal SIGHUP --grace 4000 --connections 3 -- python3 shop.py '{port}'");
        CHECK_THAT(r.out, ContainsSubstring("again     " + line + "\n"));
    }
}

TEST_CASE("the bug report of a target file repeats the run where that file does not exist") {
    if (!has_python()) return;
    folder const here;
    here.write("shop.py", slow_server);
    here.write("shop.json", shop_file.dump(2));
    result const r =
        run({"run", "--target", "shop.json", "--probe", "in-flight,silent", "--connections", "2"}, {.in = here.path()});
    INFO(r.out << r.err);
    REQUIRE(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("shutdown-repro run --target shop.json --probe in-flight --connections 2\n"));
    std::remove(here.file("shop.json").c_str());
    CHECK_THAT(run({"inspect", "shop-silent.jsonl", "--markdown"}, {.in = here.path()}).out,
        ContainsSubstring("\"slow\": \"/report\""));
    for (std::string const probe : {"in-flight", "silent"})
        CHECK_THAT(repeats(here, "shop-" + probe + ".jsonl"),
            ContainsSubstring(" | shutdown-repro run --target /dev/stdin --probe " + probe + " --connections 2"));
}

TEST_CASE("the bug report of a trace that a gate kept repeats its trial") {
    if (!has_python()) return;
    folder const here;
    here.write("shop.py", slow_server);
    here.write("shop.json", shop_file.dump());
    here.write("gate.json",
        R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [{"name": "c", "target": "shop.json",)"
        R"( "probe": "in-flight", "repeat": 1, "expect": "clean"}]})");
    result const r = run({"gate", "gate.json", "--keep", "kept", "--json"}, {.in = here.path()});
    INFO(r.out << r.err);
    REQUIRE(r.status == 1);
    std::string const kept = json::parse(r.out)["checks"][0]["violations"][0]["trace"];
    std::set<std::string> const before = violated_rules(here, kept);
    result const again = run_line(reported_command(here, kept), here.path());
    INFO(again.out << again.err);
    CHECK(again.status == 1);
    CHECK(violated_rules(here, "shop-in-flight.jsonl") == before);
}

TEST_CASE("the bug report of a preset names the preset and the options that the run had") {
    if (!shutdown_repro::tests::installed("nginx")) return;
    folder const here;
    result const r = run({"run", "--target", "nginx", "--probe", "silent", "--grace", "1500", "--connections", "2"},
        {.in = here.path()});
    INFO(r.out << r.err);
    REQUIRE(r.status == 1);
    CHECK(repeats(here, "nginx-silent.jsonl") ==
        "shutdown-repro run --target nginx --probe silent --grace 1500 --connections 2");
}
