// Types the commands that the manual and the README show, page by page and in order, each page in a folder of its own,
// and compares the output that they show.
//
// A command is a line that begins with "shutdown-repro " or "$ shutdown-repro " in a literal display of a page, or with
// "$ shutdown-repro " in a code block of the README; the lines after a "$" are its output. A display that is a scenario
// is written to the file of its name, and one that follows the name of a file and a colon is written to that file. A
// command is expected to exit with 0, unless "$ echo $?" follows and shows another status, or exits_with has one. Shown
// output may leave out lines, and is compared by words, so that lines may break elsewhere; numbers of live runs are not
// compared. What stands in a line and begins with a brace is JSON.
#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;
namespace fs = std::filesystem;

namespace {

std::map<std::string, int> const exits_with{
    {"shutdown-repro run scope-disposal", 1},
    {"shutdown-repro run scope-disposal --repeat 20 --json > report.json", 1},
    {"shutdown-repro run scope-disposal --set owner=server", 1},
    {"shutdown-repro run scope-disposal --policy upstream-fix", 1},
    {"shutdown-repro run scope-disposal --world sim --stop-at coroutine.suspend#2", 1},
    {"shutdown-repro run scope-disposal --world sim --trace a.jsonl", 1},
    {"shutdown-repro run scope-disposal --world sim --trace bad.jsonl", 1},
    {"shutdown-repro run scope-disposal --world sim --trace report.jsonl", 1},
    {"shutdown-repro replay report.jsonl", 1},
    {"shutdown-repro run scope-disposal --world sim --schedule 1=1 --trace b.jsonl", 1},
    {"shutdown-repro run ./late-free.json --world sim --trace late.jsonl", 1},
    {"shutdown-repro run lost-finish --order client-first", 1},
    {"shutdown-repro run lost-finish --world sim --order client-first", 1},
    {"shutdown-repro run lost-finish --world sim --all-orders", 1},
    {"shutdown-repro run lost-timer --world sim --policy no-destroy", 1},
    {"shutdown-repro check trace.jsonl", 1},
    {"shutdown-repro check late.jsonl", 1},
    {"shutdown-repro diff a.jsonl b.jsonl", 1},
    {"shutdown-repro diff a.jsonl c.jsonl --json", 1},
    {"shutdown-repro diff failing.jsonl passing.jsonl", 1},
    {"shutdown-repro explore clean-up.json --free-at server.stopped#1", 1},
    {"shutdown-repro merge 1.json 2.json 3.json", 1},
    {"shutdown-repro run --target nginx --probe in-flight,silent,wrong-signal --grace 2000", 1},
};

constexpr char const* tutorial = SOURCE_DIR "/man/shutdown-repro-tutorial.7";

// Files that a reader has already.
constexpr std::pair<char const*, char const*> given[] = {
    {"trace.jsonl", "run scope-disposal --world sim"},
    {"failing.jsonl", "run scope-disposal --world sim"},
    {"passing.jsonl", "run scope-disposal --world sim --policy drained"},
};

struct example {
    std::string command, shown;     // shown: its output, or ""
    std::optional<int> status = {}; // that it shows to exit with
};

std::string replaced(std::string text, std::string const& what, std::string const& with) {
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

// Runs what it is fed, in order.
class reader {
public:
    reader() {
        for (auto const& [file, made_by] : given)
            CHECK(run_line("shutdown-repro " + std::string(made_by) + " --trace " + file, here_.path()).status <= 1);
        for (std::string const shard :
            {"1", "2", "3"}) // the reports that the machines of the manual's example have written
            CHECK(run_line("shutdown-repro explore lost-finish --executions 300 --json --shard " + shard + "/3 > " +
                          shard + ".json",
                      here_.path())
                      .status == 1);
        fs::create_directory(here_.file("bin"));
        here_.write("bin/dot", "#!/bin/sh\nexec cat\n"); // what we write for Graphviz is read by another test
        fs::permissions(here_.file("bin/dot"), fs::perms::owner_all);
    }

    void write(std::string const& file, std::string const& text) { here_.write(file, text); }

    // Writes a display that is a scenario to its file.
    void keep(std::string const& display) {
        auto const document = nlohmann::json::parse(display, nullptr, false);
        if (document.is_object() && document.contains("scenario"))
            here_.write(document["scenario"].get<std::string>() + ".json", display);
    }

    void type(example const& e) {
        std::string const command = std::regex_replace(e.command, std::regex("\\s+(#\\s.*)?$"), "");
        for (std::string const program : {"nginx", "python3"})
            if (command.find(program) != command.npos && skipped_without(program)) return;
        result const r = run_line("PATH=$PATH:$PWD/bin; " + command, here_.path());
        INFO(command << "\n" << r.out << r.err);
        auto const expected = exits_with.find(command);
        CHECK(r.status == e.status.value_or(expected == exits_with.end() ? 0 : expected->second));
        CHECK(r.err == "");
        expect_shown(e.shown, r.out, is_live(command));
        ++typed;
    }

    // Types each command of these lines: those after a "$ ", and with `bare` those without; the lines after a "$" are
    // what it shows.
    void type_lines(std::vector<std::string> const& all, bool bare) {
        for (std::size_t i = 0; i < all.size();) {
            example e{all[i++], ""};
            bool const shows = e.command.starts_with("$ ");
            for (; shows && i < all.size() && !all[i].starts_with("$ "); ++i) e.shown += all[i] + "\n";
            if (shows) e.command.erase(0, 2);
            if (i + 1 < all.size() && all[i] == "$ echo $?") {
                e.status = std::stoi(all[i + 1]);
                i += 2;
            }
            if (e.command.starts_with("shutdown-repro ") && (shows || bare)) type(e);
        }
    }

    // Whether the program is not installed, which is reported as a skipped test.
    bool skipped_without(std::string const& program) const {
        if (run_line("PATH=$PATH:/usr/sbin; command -v " + program, here_.path()).status == 0) return false;
        shutdown_repro::tests::skip(program + " is not installed (apt-get install " + program + ")");
        return true;
    }

    int typed = 0;

private:
    // Whether numbers of its output differ from run to run: it runs something live, or reads the trace of a live run.
    bool is_live(std::string const& command) const {
        if (command.starts_with("shutdown-repro run ")) return command.find("--world sim") == command.npos;
        if (command.starts_with("shutdown-repro gate ")) return true;
        std::regex const trace("[^ ]+\\.jsonl");
        std::sregex_iterator const end;
        return std::any_of(std::sregex_iterator(command.begin(), command.end(), trace), end, [this](auto const& name) {
            return here_.has(name.str()) && here_.read(name.str()).find(R"("world":"live")") != std::string::npos;
        });
    }

    static void expect_shown(std::string const& shown, std::string const& output, bool live) {
        std::string const told = words(output, live);
        std::size_t from = 0;
        for (std::string const& line : lines(shown)) {
            std::string const part = words(line, live);
            INFO("shown is: " << line);
            std::size_t const at = told.find(part, from);
            CHECK(at != told.npos);
            if (at != told.npos) from = at + part.size();
        }
    }

    static std::string words(std::string text, bool live) {
        text = std::regex_replace(text, std::regex("\\s+"), " ");
        text = std::regex_replace(text, std::regex("^ | $"), "");
        if (!live) return text;
        text = std::regex_replace(
            text, std::regex("[0-9.]+ (ns|us|µs|ms|s)\\b"), "0 ms"); // how long it took decides the unit
        return consequences_sorted(std::regex_replace(text, std::regex("[0-9]+"), "0"));
    }

    // Of two things that follow from a defect of a live server, either can come first.
    static std::string consequences_sorted(std::string const& text) {
        std::smatch list;
        if (!std::regex_search(text, list, std::regex("and so: ([a-z-]+(, [a-z-]+)*)"))) return text;
        std::vector<std::string> rules;
        std::string const all = list.str(1);
        std::regex const rule("[a-z-]+");
        for (std::sregex_iterator it(all.begin(), all.end(), rule), end; it != end; ++it) rules.push_back(it->str());
        std::ranges::sort(rules);
        std::string sorted;
        for (std::string const& r : rules) sorted += (sorted.empty() ? "" : ", ") + r;
        return list.prefix().str() + "and so: " + sorted + consequences_sorted(list.suffix());
    }

    folder here_;
};

// The text of a line of mdoc, as it is read.
std::string plain(std::string text) {
    for (auto const& [escape, read] : {std::pair{"\\e", "\\"}, {"\\(dq", "\""}, {"\\(aq", "'"}, {"\\&", ""},
             {"\\-", "-"}, {"\\(pc", "·"}, {"\\[u2717]", "✗"}, {"\\[u2713]", "✓"}})
        text = replaced(text, escape, read);
    return text;
}

// The words that a macro is given, as they are read: a quote that begins one is none of its text.
std::string arguments(std::string const& line) {
    std::string out;
    std::regex const word(R"re( (?:"([^"]*)"?|([^" ][^ ]*)))re");
    for (std::sregex_iterator it(line.begin(), line.end(), word), end; it != end; ++it)
        out += (out.empty() ? "" : " ") + plain((*it)[1].str() + (*it)[2].str());
    return out;
}

void check_json(std::string const& line) {
    std::string const text = std::regex_replace(arguments(line), std::regex("( [.,:;)])+$|, \\.\\.\\."), "");
    INFO(line << "\nis read as " << text);
    if (text.starts_with("{")) CHECK(nlohmann::json::accept(text));
}

void read_page(std::string const& path, reader& to) {
    auto const all = lines(slurp(path));
    for (std::string const& line : all)
        if (line.starts_with(".Li ") || line.starts_with(".Ql ")) check_json(line);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].starts_with(".Dl shutdown-repro ")) to.type({plain(all[i].substr(4)), ""});
        if (!all[i].starts_with(".Bd -literal")) continue;
        std::string display, file;
        std::smatch name;
        if (std::regex_match(all[i - 1], name, std::regex(R"(\.Pa ([^ ]+) :)"))) file = name[1];
        for (++i; i < all.size() && all[i] != ".Ed"; ++i)
            if (!all[i].starts_with(".")) display += plain(all[i]) + "\n";
        if (!file.empty()) to.write(file, display);
        else to.keep(display);
        to.type_lines(lines(replaced(display, "\\\n", "")), true);
    }
}

// The code blocks are what is indented by four; output follows its command, or a block of its own follows the text that
// names the command last.
void read_readme(std::string const& path, reader& to) {
    std::string block, text;
    std::regex const named("`((?:run|inspect|check|explore|diff) [^`]+)`"), file("`([^`/ ]+)`: *$");
    auto const end = [&] {
        std::smatch last;
        if (block.empty()) return;
        std::string const display = block.substr(0, block.find("\n$ ") + 1);
        if (std::regex_search(text, last, file)) to.write(last[1].str(), display.empty() ? block : display);
        else if (block[0] != '{' && block[0] != '$' && std::regex_search(text, last, named))
            to.type({"shutdown-repro " + last[1].str(), block});
        to.keep(display.empty() ? block : display);
        to.type_lines(lines(block), false);
        text.clear();
        block.clear();
    };
    for (std::string const& line : lines(slurp(path) + "\nend\n")) {
        if (line.starts_with("    ")) block += line.substr(4) + "\n";
        else if (line.empty() && !block.empty()) block += "\n";
        else {
            end();
            text += line + " ";
        }
    }
}

} // namespace

TEST_CASE("every example of the manual works as printed and exits with the expected status") {
    int typed = 0;
    for (fs::directory_entry const& page : fs::directory_iterator(SOURCE_DIR "/man")) {
        if (page.path().extension() == ".txt" || page.path() == tutorial) continue;
        INFO(page.path());
        reader r;
        read_page(page.path(), r);
        typed += r.typed;
    }
    CHECK(typed > 30);
}

TEST_CASE("the tutorial can be typed from its first command to its last, and shows what comes out") {
    reader r;
    if (r.skipped_without("python3")) return;
    read_page(tutorial, r);
    CHECK(r.typed > 10);
}

TEST_CASE("every example of the README works as printed and gives the output shown") {
    reader r;
    read_readme(SOURCE_DIR "/README.md", r);
    CHECK(r.typed > 10);
}
