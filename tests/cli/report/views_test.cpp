// Tests the text of inspect, list and explain.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include "server_under_test/reactor/config.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;

namespace {

std::string const viewed = TEST_DATA "/scope-disposal.jsonl";

std::string page(std::vector<std::string> typed) {
    result const r = run(std::move(typed));
    INFO(r.err);
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    return r.out;
}

std::size_t place(std::string const& text, std::string const& part) {
    INFO("looking for " << part << " in\n" << text);
    auto const at = text.find(part);
    REQUIRE(at != text.npos);
    return at;
}

std::vector<std::string> long_options(std::string const& text) {
    std::vector<std::string> all;
    std::regex const option("--([a-z][a-z-]*)");
    for (std::sregex_iterator it(text.begin(), text.end(), option), end; it != end; ++it) all.push_back((*it)[1]);
    return all;
}

} // namespace

TEST_CASE("the report's trace is explained from the free to the assertion") {
    std::string const text = page({"inspect", viewed, "--explain"});
    std::string const told = text.substr(place(text, "scope-disposed-nonempty at #"));
    std::size_t last = 0;
    for (auto const* step : {"act.free", "scope.cancel", "coroutine.cancel", "coroutine.resume", "coroutine.finish",
             "scope.catch", "scope.notify", "scope.dispose", "still inside", "assert "}) {
        std::size_t const at = place(told, step);
        CHECK(at > last);
        last = at;
    }
    CHECK_THAT(told, ContainsSubstring("(not a cancellation)"));
    CHECK_THAT(told, ContainsSubstring("not removed"));
}

TEST_CASE("the report's trace is drawn as a timeline when nothing else is asked for") {
    std::string const text = page({"inspect", viewed});
    CHECK(text == page({"inspect", viewed, "--timeline"}));
    CHECK_THAT(text, ContainsSubstring("S server"));
    CHECK_THAT(text, ContainsSubstring("free() is called on server:1 by control:1"));
    auto const rows = lines(text);
    CHECK(std::any_of(rows.begin(), rows.end(),
        [](std::string const& row) { return row.starts_with("✗ ") && row.find("the disposal of") != row.npos; }));
}

TEST_CASE("the report's scope tree shows the coroutine that was finished and not removed") {
    std::string const text = page({"inspect", viewed, "--tree"});
    CHECK(place(text, "server:1") < place(text, "└ scope:1 main"));
    std::regex const inside("scope:[0-9]+ request:2 · being disposed[^\n]*\n[ │]*└ coroutine:[0-9]+ handler of GET /2 "
                            "· finished \\(failed\\) since #[0-9]+, not removed");
    INFO(text);
    CHECK(std::regex_search(text, inside));
}

TEST_CASE("an id is followed, and several views are printed together") {
    std::string const text = page({"inspect", viewed, "--follow", "coroutine:4", "--tree"});
    CHECK(place(text, "└ scope:1 main") < place(text, "coroutine.spawn"));
    for (std::string const& line : lines(text.substr(place(text, "coroutine.spawn"))))
        CHECK((line.find("coroutine:4") != line.npos || line.find("←") != line.npos || line.find("#") != line.npos));
    CHECK(run({"inspect", viewed, "--follow", "coroutine:99"}).status == 2);
    CHECK_THAT(run({"inspect", viewed, "--follow", "me"}).err, ContainsSubstring("is not an id such as coroutine:5"));
}

TEST_CASE("a truncated trace is drawn, and the output says that it is incomplete") {
    folder const here;
    std::string const whole = slurp(viewed);
    REQUIRE(whole.size() > 1000);
    here.write("cut.jsonl", whole.substr(0, whole.size() / 2));
    for (auto const* view : {"--timeline", "--tree", "--explain"}) {
        result const r = run({"inspect", "cut.jsonl", view}, {.in = here.path()});
        CHECK(r.status == 0);
        CHECK_THAT(r.err, ContainsSubstring("shutdown-repro: cut.jsonl: "));
        CHECK_FALSE(r.out.empty());
    }
}

TEST_CASE("color is used on terminals and when asked for") {
    auto const colored = [](std::vector<std::string> typed, how h) {
        return run(std::move(typed), std::move(h)).out.find('\x1b') != std::string::npos;
    };
    std::vector<std::string> const typed{"inspect", viewed, "--tree"};
    std::vector<std::string> const always{"--color", "always", "inspect", viewed, "--tree"},
        never{"inspect", viewed, "--tree", "--color", "never"};
    how const pipe, terminal{.environment = {{"TERM", "xterm"}}, .standard_output = stream_is::terminal};
    how no_color = terminal, dumb = terminal, empty_no_color = terminal;
    no_color.environment["NO_COLOR"] = "1";
    dumb.environment["TERM"] = "dumb";
    empty_no_color.environment["NO_COLOR"] = "";
    CHECK_FALSE(colored(typed, pipe));
    CHECK(colored(typed, terminal));
    CHECK_FALSE(colored(typed, no_color));
    CHECK(colored(typed, empty_no_color));
    CHECK_FALSE(colored(typed, dumb));
    CHECK(colored(always, pipe));
    CHECK(colored(always, no_color));
    CHECK_FALSE(colored(never, terminal));
}

TEST_CASE("pages are as wide as the terminal, and 80 columns without one") {
    auto const widest = [](std::string const& text) {
        std::size_t most = 0;
        for (std::string const& line : lines(text))
            most = std::max(most, static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
                return (c & 0xc0) != 0x80 && c != '\r';
            })));
        return most;
    };
    CHECK(widest(page({"inspect", viewed})) == 80);
    CHECK(widest(run({"--color", "never", "inspect", viewed}, {.standard_output = stream_is::terminal}).out) == 100);
}

TEST_CASE("listed names can be used") {
    for (std::string const& line : lines(page({"list", "rules"})))
        if (!line.starts_with(" ")) {
            std::string const rule = line.substr(0, line.find(' '));
            std::string const text = page({"explain", rule});
            CHECK(text.starts_with(rule + " · "));
            CHECK_THAT(text, ContainsSubstring("violated  when "));
        }
    std::string scenario;
    for (std::string const& line : lines(page({"list", "policies"}))) {
        if (line.starts_with("policies of the "))
            scenario = line == "policies of the reactor server:" ? "lost-finish" : "scope-disposal";
        else if (!line.empty() && !line.starts_with(" "))
            CHECK(run({"run", scenario, "--world", "sim", "--policy", line.substr(0, line.find(' '))}).status <= 1);
    }
    for (std::string const& line : lines(page({"list", "scenarios"})))
        if (!line.starts_with(" ")) CHECK(run({"run", line.substr(0, line.find(' ')), "--world", "sim"}).status == 1);
    auto const points = lines(page({"list", "stop-points", "scope-disposal"}));
    REQUIRE(points.size() > 10);
    for (std::string const& point : {points.front(), points.back()})
        CHECK(run({"run", "scope-disposal", "--world", "sim", "--stop-at", point.substr(0, point.find(' '))}).status <=
            3);
    CHECK_THAT(page({"list", "stop-points"}), ContainsSubstring("KIND#N"));
    CHECK_THAT(page({"list", "stop-points"}), ContainsSubstring("any"));
    std::size_t moments = 0;
    for (std::string const& line : lines(page({"list", "stop-points", "lost-finish"}))) {
        if (line.starts_with(" ")) continue;
        std::string const moment = line.substr(0, line.find(' '));
        INFO(moment);
        CHECK(run({"explore", "lost-finish", "--executions", "5", "--stop-at", moment}).status <= 1);
        ++moments;
    }
    CHECK(moments == shutdown_repro::server::words<shutdown_repro::server::stop_moment>().size());
}

TEST_CASE("help goes to standard output, and the manual has every option") {
    std::string const manual = slurp(SOURCE_DIR "/man/shutdown-repro.1");
    for (std::string const command : {"", "run", "explore", "replay", "shrink", "check", "inspect", "diff", "gate",
             "list", "explain", "completion"}) {
        std::string const text =
            page(command.empty() ? std::vector<std::string>{"--help"} : std::vector<std::string>{command, "--help"});
        if (!command.empty()) CHECK_THAT(manual, ContainsSubstring(".Ss shutdown-repro " + command + "\n"));
        auto const options = long_options(text);
        CHECK(std::count(options.begin(), options.end(), "help") == 1);
        for (std::string const& option : options) CHECK_THAT(manual, ContainsSubstring("Fl Fl " + option));
    }
    CHECK(page({"--version"}).starts_with("shutdown-repro "));
}

TEST_CASE("main is short") { CHECK(lines(slurp(SOURCE_DIR "/cli/main.cpp")).size() < 70); }
