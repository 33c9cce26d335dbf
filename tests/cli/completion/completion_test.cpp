// Tests completion: the shells load the scripts, and the tests press Tab.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;

namespace {

std::string script(std::string const& shell) {
    result const r = run({"completion", shell});
    REQUIRE(r.status == 0);
    REQUIRE(r.err.empty());
    return r.out;
}

std::vector<std::string> matches(std::string const& text, char const* pattern) {
    std::vector<std::string> all;
    std::regex const re(pattern);
    for (std::sregex_iterator it(text.begin(), text.end(), re), end; it != end; ++it) all.push_back((*it)[1]);
    return all;
}

std::vector<std::string> subcommands() {
    std::string const help = run({"--help"}).out;
    auto const all = matches(help.substr(help.find("Subcommands:")), "\n  ([a-z]+) ");
    REQUIRE(all.size() > 8);
    return all;
}

// Returns the options in the help of a subcommand, or of the program ("").
std::set<std::string> options_in_help(std::string const& command) {
    std::string const help = command.empty() ? run({"--help"}).out : run({command, "--help"}).out;
    auto const all = matches(help, "\n  (?:-[a-z],)?(--[a-z][a-z0-9-]*)");
    REQUIRE_FALSE(all.empty());
    return {all.begin(), all.end()};
}

using answers = std::set<std::string>;
answers with(answers all, answers const& more) {
    all.insert(more.begin(), more.end());
    return all;
}

bool here(char const* shell) {
    if (std::filesystem::exists(shell)) return true;
    shutdown_repro::tests::skip("no " + std::string(shell));
    return false;
}

// A folder with the script, and with files that have awkward names.
struct shell_folder : folder {
    explicit shell_folder(std::string const& shell) {
        write(shell == "zsh" ? "_shutdown-repro" : "script", script(shell));
        std::filesystem::create_directory(file("work"));
        for (auto const* name : {"work/x:y.jsonl", "work/with space.jsonl", "work/plain.jsonl"}) write(name, "");
    }
};

// Calls the completion function with the variables that bash sets.
answers bash_function(shell_folder const& in, std::string const& command, std::string const& word) {
    std::string const line = "shutdown-repro " + (command.empty() ? "" : command + " ") + word;
    std::string const asked = ". ./script; COMP_WORDS=(shutdown-repro " + command + " '" + word + "') COMP_LINE='" +
        line +
        "'; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE}; "
        "_shutdown_repro; printf '%s\\n' \"${COMPREPLY[@]}\"";
    result const r = program({"--norc", "-c", asked}, {.in = in.path()}, "/bin/bash").wait();
    CHECK(r.err.empty());
    auto const all = lines(r.out);
    return {all.begin(), all.end()};
}

// Types keys into bash's line editor, runs each resulting line, and returns its words.
std::vector<std::string> typed_at_bash(shell_folder const& in, std::string const& keys) {
    std::string const begin = "shutdown-repro() { printf '<%s>' \"$@\" >> told; echo >> told; }\n. ../script\n";
    program({"--norc", "--noprofile", "-i"},
        {.in = in.file("work"),
            .environment = {{"TERM", "dumb"}, {"INPUTRC", "/dev/null"}, {"HISTFILE", ""}},
            .input = begin + keys},
        "/bin/bash")
        .wait();
    auto all = lines(in.read("work/told"));
    std::filesystem::remove(in.file("work/told"));
    return all;
}

answers asked_of_zsh(shell_folder const& in, std::string const& line) {
    result const r =
        program({"-f", TEST_DATA "/ask-completion.zsh", in.path(), line}, {.in = in.file("work")}, "/usr/bin/zsh")
            .wait();
    std::string const told = r.out.substr(std::min(r.out.rfind(line), r.out.size())); // after the line's own echo
    auto const all = matches(told, "<([^>\n]*)>");
    INFO(r.out);
    REQUIRE((!all.empty() && all.back() == "END"));
    return {all.begin(), all.end() - 1};
}

answers asked_of_fish(shell_folder const& in, std::string const& line) {
    result const r = program({"--no-config", "-c", "source ../script; complete -C \"$argv[1]\"", line},
        {.in = in.file("work"), .environment = {{"HOME", in.path()}}}, "/usr/bin/fish")
                         .wait();
    INFO(r.err);
    answers all;
    for (std::string const& each : lines(r.out)) all.insert(each.substr(0, each.find('\t')));
    return all;
}

} // namespace

TEST_CASE("bash completes every subcommand and every option that help shows") {
    shell_folder const in("bash");
    auto const all = subcommands();
    CHECK(bash_function(in, "", "") == answers(all.begin(), all.end()));
    CHECK(bash_function(in, "", "--") == options_in_help(""));
    for (std::string const& command : all) {
        INFO(command);
        CHECK(bash_function(in, command, "--") == with(options_in_help(command), options_in_help("")));
    }
}

TEST_CASE("Tab in bash completes words, values of options, and files with awkward names") {
    shell_folder const in("bash");
    CHECK(typed_at_bash(in,
              "shutdown-repro run scope-disposal-o\t --wo\tli\t\n"
              "shutdown-repro run --world=s\t --trace=wi\t\n"
              "shutdown-repro --color nev\tlist sto\tlost-f\t\n"
              "shutdown-repro check x\twi\tpl\t\n"
              "shutdown-repro check \"wi\t\n"
              "shutdown-repro inspect x\t --follow scope:2 --tre\t\n"
              "true | shutdown-repro explain scope-disposed-n\t\n") ==
        std::vector<std::string>{"<run><scope-disposal-on-free><--world><live>",
            "<run><--world=sim><--trace=with space.jsonl>", "<--color><never><list><stop-points><lost-finish>",
            "<check><x:y.jsonl><with space.jsonl><plain.jsonl>", "<check><with space.jsonl>",
            "<inspect><x:y.jsonl><--follow><scope:2><--tree>", "<explain><scope-disposed-nonempty>"});
}

TEST_CASE("Tab in bash completes targets, checks with their spaces, and each item of a list") {
    shell_folder const in("bash");
    CHECK(typed_at_bash(in,
              "shutdown-repro run --target ngi\t --probe in-f\t\n"
              "shutdown-repro run --target plain.j\t --probe=in-flight,wrong-s\t\n"
              "shutdown-repro run --stop-at never\t --free-at=handler,coroutine.susp\t\n"
              "shutdown-repro gate --only lost-timer\\ dr\t\n") ==
        std::vector<std::string>{"<run><--target><nginx><--probe><in-flight>",
            "<run><--target><plain.jsonl><--probe=in-flight,wrong-signal>",
            "<run><--stop-at><never><--free-at=handler,coroutine.suspend#1>", "<gate><--only><lost-timer drained>"});
}

TEST_CASE("Tab in bash keeps words that it can't complete, and respects the configured word breaks") {
    shell_folder const in("bash");
    CHECK(typed_at_bash(in,
              "shutdown-repro run --requests p\t\n"
              "COMP_WORDBREAKS=' '\n"
              "shutdown-repro run --world=s\t\n") ==
        std::vector<std::string>{"<run><--requests><p>", "<run><--world=sim>"});
}

TEST_CASE("zsh completes every subcommand and every option that help shows, and values and files") {
    if (!here("/usr/bin/zsh")) return;
    shell_folder const in("zsh");
    auto const all = subcommands();
    CHECK(asked_of_zsh(in, "shutdown-repro ") == answers(all.begin(), all.end()));
    for (std::string const command :
        {"run", "explore", "inspect", "completion"}) { // a line editor takes a while to start
        INFO(command);
        CHECK(asked_of_zsh(in, "shutdown-repro " + command + " --") ==
            with(options_in_help(command), options_in_help("")));
    }
    std::string const text = script("zsh");
    for (std::string const& command : all) {
        std::size_t const begin = text.find("        " + command + ") _arguments");
        REQUIRE(begin != text.npos);
        std::string const part = text.substr(begin, text.find(";;", begin) - begin);
        for (std::string const& option : with(options_in_help(command), options_in_help("")))
            CHECK_THAT(part, ContainsSubstring(option));
    }
    CHECK(asked_of_zsh(in, "shutdown-repro run --world=s") == answers{"sim"});
    CHECK(asked_of_zsh(in, "shutdown-repro --color never explain scope-disposed-") ==
        answers{"scope-disposed-nonempty", "scope-disposed-twice"});
    CHECK(asked_of_zsh(in, "shutdown-repro check plain.jsonl x") == answers{"x:y.jsonl"});
    CHECK(asked_of_zsh(in, "shutdown-repro run w") == answers{"with\\ space.jsonl"});
    CHECK(asked_of_zsh(in, "shutdown-repro run --target=ngi") == answers{"nginx", "nginx-upgrade"});
    CHECK(asked_of_zsh(in, "shutdown-repro run --target pla") == answers{"plain.jsonl"});
    CHECK(asked_of_zsh(in, "shutdown-repro run --probe=in-flight,wrong-s") == answers{"wrong-signal"});
    CHECK(asked_of_zsh(in, "shutdown-repro run --stop-at handler,coroutine.susp") == answers{"coroutine.suspend\\#1"});
    CHECK(asked_of_zsh(in, "shutdown-repro gate --only lost-timer\\ dr") == answers{"lost-timer\\ drained"});
}

TEST_CASE("fish completes every subcommand and every option that help shows, and values and files") {
    if (!here("/usr/bin/fish")) return;
    shell_folder const in("fish");
    auto const all = subcommands();
    CHECK(asked_of_fish(in, "shutdown-repro ") == answers(all.begin(), all.end()));
    for (std::string const& command : all) {
        INFO(command);
        CHECK(asked_of_fish(in, "shutdown-repro " + command + " --") ==
            with(options_in_help(command), options_in_help("")));
    }
    CHECK(asked_of_fish(in, "shutdown-repro run --wo") == answers{"--world"});
    CHECK(asked_of_fish(in, "shutdown-repro run scope-disposal --world ") == answers{"live", "sim"});
    CHECK(asked_of_fish(in, "shutdown-repro --color never explain scope-disposed-") ==
        answers{"scope-disposed-nonempty", "scope-disposed-twice"});
    CHECK(asked_of_fish(in, "shutdown-repro list stop-points lost-f") == answers{"lost-finish"});
    CHECK(asked_of_fish(in, "shutdown-repro check plain.jsonl x") == answers{"x:y.jsonl"});
    CHECK(asked_of_fish(in, "shutdown-repro check w") == answers{"with space.jsonl"});
    CHECK(asked_of_fish(in, "shutdown-repro explain no-such").empty());
    CHECK(asked_of_fish(in, "shutdown-repro run --target ngi") == answers{"nginx", "nginx-upgrade"});
    CHECK(asked_of_fish(in, "shutdown-repro run --target pla") == answers{"plain.jsonl"});
    CHECK(asked_of_fish(in, "shutdown-repro run --probe in-flight,wrong-s") == answers{"in-flight,wrong-signal"});
    CHECK(asked_of_fish(in, "shutdown-repro run --stop-at handler,coroutine.susp") ==
        answers{"handler,coroutine.suspend#1"});
    CHECK(asked_of_fish(in, "shutdown-repro gate --only lost-timer\\ dr") == answers{"lost-timer drained"});
}

TEST_CASE("the error for an unsupported shell lists the supported ones") {
    result const r = run({"completion", "ksh"});
    CHECK(r.status == 2);
    CHECK_THAT(r.err, ContainsSubstring("bash, zsh or fish"));
}
