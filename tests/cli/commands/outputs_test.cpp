// Tests what the program writes: it replaces no input, and no file of another run.
#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string const scenario_text = R"({"scenario": "d1", "stop": "server.ready#1"})";
std::string const by_name =
    R"({"format":"shutdown-repro/schedule","version":"1.0","scenario":"lost-finish","schedule":"0=1"})";
std::string const by_file =
    R"({"format":"shutdown-repro/schedule","version":"1.0","scenario":"./scenario.json","schedule":"default"})";
std::string const target_text =
    R"({"format":"shutdown-repro/target","version":"1.0","name":"tg","command":["sh","./server.sh","{port}"]})";
std::string const gate_text = R"({"format":"shutdown-repro/gate","version":"1.0","checks":[
{"name":"A","scenario":"scope-disposal","strategy":"random","executions":300,"expect":"clean"},
{"name":"B","scenario":"lost-finish","order":"client-first","strategy":"random","executions":300,"expect":"clean"}]})";

// A folder with one input of each kind.
struct inputs : folder {
    std::map<std::string, std::string> texts{{"scenario.json", scenario_text}, {"schedule.json", by_name},
        {"by-file.json", by_file}, {"target.json", target_text}, {"server.sh", "exit 1\n"}, {"gate.json", gate_text},
        {"1.jsonl", scenario_text}};
    inputs() {
        for (auto const& [name, text] : texts) write(name, text);
        run({"run", "lost-finish", "--world", "sim", "--trace", "t.jsonl"}, {.in = path()});
        texts["t.jsonl"] = read("t.jsonl");
        fs::create_symlink("scenario.json", file("link.json"));
        fs::create_hard_link(file("scenario.json"), file("twin.json"));
    }
    void check_unchanged() const {
        for (auto const& [name, text] : texts) {
            INFO(name);
            CHECK(read(name) == text);
        }
    }
};

bool is_ignored(int signal) {
    struct sigaction now {};
    return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

} // namespace

TEST_CASE("no output replaces an input, whatever option names it and by whatever name") {
    inputs const here;
    for (std::string const line : {
             "run scenario.json --world sim --trace scenario.json",
             "run scenario.json --world sim --trace ./link.json",
             "run scenario.json --world sim --trace twin.json",
             "run ./link.json --world sim --trace scenario.json",
             "run scenario.json --server ./server.sh --trace server.sh",
             "replay schedule.json --trace schedule.json",
             "replay by-file.json --trace scenario.json",
             "replay t.jsonl --trace t.jsonl",
             "replay default --scenario ./scenario.json --trace scenario.json",
             "shrink t.jsonl --trace t.jsonl",
             "shrink schedule.json --trace schedule.json",
             "run --target target.json --probe silent --trace target.json",
             "run --target target.json --probe silent --trace server.sh",
             "run --target --probe silent --trace server.sh -- sh ./server.sh {port}",
             "run --target --probe silent --trace server.sh -- sh --file=./server.sh {port}",
             "inspect t.jsonl --html t.jsonl",
             "inspect t.jsonl --export dot --output t.jsonl",
             "gate gate.json --junit gate.json",
             "gate gate.json --sarif ./gate.json",
         }) {
        INFO(line);
        result const r = run_line("shutdown-repro " + line, here.path());
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring("which is an input; choose another file"));
        here.check_unchanged();
    }
}

TEST_CASE("a name that the program chooses by itself replaces no input either") {
    inputs const here;
    here.write("d1.jsonl", scenario_text);
    result const same = run({"run", "./d1.jsonl", "--world", "sim"}, {.in = here.path()});
    CHECK(same.status == 2);
    CHECK_THAT(same.err, ContainsSubstring("d1.jsonl, which is an input"));
    result const kept = run({"explore", "./1.jsonl", "--executions", "50", "--keep", "."}, {.in = here.path()});
    INFO(kept.out << kept.err);
    here.check_unchanged();
    result const summary = run({"gate", "gate.json", "--only", "B", "--github"},
        {.in = here.path(), .environment = {{"GITHUB_STEP_SUMMARY", "gate.json"}}});
    CHECK_THAT(summary.err, ContainsSubstring("GITHUB_STEP_SUMMARY: the output would replace gate.json"));
    here.check_unchanged();
}

TEST_CASE("a kept trace replaces a symbolic link with its name, and leaves the file that the link points to") {
    folder const here;
    fs::create_directory(here.file("findings"));
    here.write("precious", "precious");
    fs::create_symlink("../precious", here.file("findings/1.jsonl"));
    CHECK(run({"explore", "lost-finish", "--executions", "50"}, {.in = here.path()}).status == 1);
    CHECK(here.read("precious") == "precious");
    CHECK_FALSE(fs::is_symlink(here.file("findings/1.jsonl")));
    fs::create_symlink("precious", here.file("lost-finish.jsonl"));
    CHECK(run({"run", "lost-finish", "--world", "sim", "--order", "client-first"}, {.in = here.path()}).status == 1);
    CHECK(here.read("precious") == "precious");
}

TEST_CASE("a link in a folder for everybody is not followed where the kernel forbids it") {
    if (geteuid() != 0 || slurp("/proc/sys/fs/protected_symlinks") != "1\n")
        return shutdown_repro::tests::skip("needs root, and fs.protected_symlinks=1");
    folder const here;
    fs::create_directory(here.file("all"));
    chmod(here.file("all").c_str(), 01777);
    here.write("precious", "precious");
    fs::create_symlink("../precious", here.file("all/t.jsonl"));
    REQUIRE(lchown(here.file("all/t.jsonl").c_str(), 65534, 65534) == 0);
    result const r = run({"run", "lost-finish", "--world", "sim", "--trace", "all/t.jsonl"}, {.in = here.path()});
    CHECK_THAT(r.err, ContainsSubstring("cannot write all/t.jsonl: Permission denied"));
    CHECK(here.read("precious") == "precious");
}

TEST_CASE("explorations that keep their findings in one folder at the same time replace nothing of each other") {
    folder const here;
    std::vector<std::string> const names{"scope-disposal", "lost-finish"};
    auto const explore = [](std::string const& name) {
        return std::vector<std::string>{"explore", name, "--strategy", "random", "--executions", "300", "--json"};
    };
    program one(explore(names[0]), {.in = here.path()}), two(explore(names[1]), {.in = here.path()});
    result const results[] = {one.wait(), two.wait()};
    for (std::size_t i = 0; i < 2; ++i) {
        INFO(results[i].err);
        std::size_t kept = 0;
        json const report = json::parse(results[i].out);
        for (json const& v : report["violations"]) {
            if (!v.contains("trace")) continue;
            ++kept;
            std::string const first = lines(here.read(v["trace"].get<std::string>())).front();
            CHECK(json::parse(first)["scenario"]["scenario"] == names[i]);
        }
        CHECK(kept > 0);
    }
    // A later exploration replaces what the earlier ones have left.
    run(explore(names[1]), {.in = here.path()});
    CHECK(json::parse(lines(here.read("findings/1.jsonl")).front())["scenario"]["scenario"] == names[1]);
}

TEST_CASE("gates that update one baseline at the same time lose no entry of each other") {
    for (int round = 0; round < 6; ++round) {
        inputs const here;
        auto const update = [&](char const* check) {
            return std::vector<std::string>{"gate", "gate.json", "--only", check, "--update-baseline"};
        };
        program a(update("A"), {.in = here.path()}), b(update("B"), {.in = here.path()});
        result const of_a = a.wait(), of_b = b.wait();
        INFO(of_a.err << of_b.err);
        std::map<std::string, int> entries;
        json const baseline = json::parse(here.read("gate.baseline.json"));
        for (json const& entry : baseline["current"]) ++entries[entry["check"].get<std::string>()];
        CHECK(entries["A"] > 0);
        CHECK(entries["B"] > 0);
    }
}

TEST_CASE("no signal that ends the program leaves its temporary folder") {
    for (int const signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGKILL}) {
        if (is_ignored(signal)) continue; // as by nohup(1)
        INFO(signal);
        folder const here, temporary;
        program p({"run", "--target", "--probe", "silent", "--", "sh", "-c",
                      "touch " + here.file("started") + "; sleep 100 # {port}"},
            {.in = here.path(), .environment = {{"TMPDIR", temporary.path()}}});
        while (!here.has("started") && p.runs()) usleep(1'000);
        kill(p.id(), signal);
        result const r = p.wait();
        CHECK(r.status == 128 + signal);
        for (int left = 10'000; !fs::is_empty(temporary.path()) && left > 0; --left) usleep(1'000); // by the guardian
        CHECK(fs::is_empty(temporary.path()));
    }
}

TEST_CASE("replay takes no trace without events, and none with another end, for the same") {
    inputs const here;
    std::vector<std::string> const all = lines(here.read("t.jsonl"));
    auto const replayed = [&](std::vector<std::string> const& kept) {
        std::string text;
        for (std::string const& line : kept) text += line + "\n";
        return run({"replay", here.write("changed.jsonl", text)}, {.in = here.path()});
    };
    CHECK_THAT(replayed(all).out, ContainsSubstring("are identical"));
    result const empty = replayed({all.front(), R"({"footer":true,"events":0,"dropped":0,"outcome":{"status":0}})"});
    CHECK(empty.status == 6);
    CHECK_THAT(empty.err, ContainsSubstring("the replay diverged at #0"));
    std::string forged = all.back();
    forged.replace(forged.find("\"outcome\":{"), 11, "\"outcome\":{\"signal\":\"SIGSEGV\"},\"was\":{");
    result const other = replayed({all.begin(), all.end() - 1});
    CHECK(other.status == 6);
    CHECK_THAT(other.out, ContainsSubstring("there is no footer"));
    std::vector<std::string> with_forged(all.begin(), all.end() - 1);
    with_forged.push_back(forged);
    result const end = replayed(with_forged);
    CHECK(end.status == 6);
    CHECK_THAT(end.out, ContainsSubstring("SIGSEGV"));
}

TEST_CASE("an error in a schedule names the file and the line") {
    folder const here;
    auto const replayed = [&](std::string const& named, std::string const& schedule) {
        here.write("s.json",
            "{\"format\":\"shutdown-repro/schedule\",\"version\":\"1.0\",\n\"scenario\":\"" + named +
                "\",\n\"schedule\":\"" + schedule + "\"}");
        return run({"replay", "s.json"}, {.in = here.path()});
    };
    for (char const* bad : {"x", "1=", "3=1,3=2", "99999999=1"}) {
        result const r = replayed("lost-finish", bad);
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring("s.json:3: \"schedule\": bad schedule"));
    }
    CHECK_THAT(replayed("no-such", "default").err, ContainsSubstring("s.json:2: unknown scenario \"no-such\""));
    CHECK_THAT(replayed("./none.json", "default").err, ContainsSubstring("s.json:2: cannot read ./none.json"));
    run({"run", "lost-finish", "--world", "sim", "--trace", "t.jsonl"}, {.in = here.path()});
    std::string text = here.read("t.jsonl");
    text.replace(text.find("\"schedule\":\""), 12, "\"schedule\":\"x,");
    here.write("t.jsonl", text);
    CHECK_THAT(run({"replay", "t.jsonl"}, {.in = here.path()}).err,
        ContainsSubstring("t.jsonl: \"schedule\" of the header: bad schedule"));
}

TEST_CASE("a seed has no sign") {
    for (char const* bad : {"-1", "-0", "+1", "1e3", "18446744073709551616", ""}) {
        INFO(bad);
        CHECK(run({"explore", "lost-finish", "--executions", "5", "--seed", bad}).status == 2);
    }
    CHECK(run({"explore", "lost-finish", "--executions", "5", "--seed", "18446744073709551615"}).status != 2);
}

TEST_CASE("gate --no-commands runs no command of a file") {
    folder const here;
    here.write("t.json",
        R"({"format":"shutdown-repro/target","version":"1.0","name":"t","command":["touch","ran","{port}"]})");
    here.write("gate.json", R"({"format":"shutdown-repro/gate","version":"1.0","checks":[
{"name":"sim","scenario":"lost-finish","policy":"drained","expect":"clean"},
{"name":"real","target":"./t.json","probe":"silent","expect":"clean"}]})");
    result const refused = run({"gate", "gate.json", "--no-commands"}, {.in = here.path()});
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, ContainsSubstring("gate.json:3") && ContainsSubstring("runs the commands of ./t.json"));
    CHECK_FALSE(here.has("ran"));
    CHECK(run({"gate", "gate.json", "--no-commands", "--only", "sim"}, {.in = here.path()}).status == 0);
}
