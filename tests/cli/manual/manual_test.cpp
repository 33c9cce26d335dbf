// The manual and the README as their readers take them: what they show to type is typed, page by page and in order, each page in
// a folder of its own, and what they show as output has to come out.
//
// An example is a line that begins with "shutdown-repro " in a literal display of a page, or with "$ shutdown-repro " in a code
// block of the README. A display that is a scenario is the file of its name. An example is expected to exit with 0 unless it
// stands below. Shown output may leave out lines, and is compared by words, so that lines may break elsewhere; of a live run
// numbers are not compared. What stands in a line and begins with a brace is JSON.
#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
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
    {"shutdown-repro run --target nginx --probe in-flight,silent,wrong-signal --grace 2000", 1},
};

// Files that a reader has already.
constexpr std::pair<char const*, char const*> given[] = {
    {"trace.jsonl", "run scope-disposal --world sim"},
    {"failing.jsonl", "run scope-disposal --world sim"},
    {"passing.jsonl", "run scope-disposal --world sim --policy drained"},
};

struct example {
    std::string command, shown; // shown: its output, or ""
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
        fs::create_directory(here_.file("bin"));
        here_.write("bin/dot", "#!/bin/sh\nexec cat\n"); // what we write for Graphviz is read by another test
        fs::permissions(here_.file("bin/dot"), fs::perms::owner_all);
    }

    // A display that is a scenario.
    void keep(std::string const& display) {
        auto const document = nlohmann::json::parse(display, nullptr, false);
        if (document.is_object() && document.contains("scenario"))
            here_.write(document["scenario"].get<std::string>() + ".json", display);
    }

    void type(example const& e) {
        std::string const command = std::regex_replace(e.command, std::regex("\\s+(#\\s.*)?$"), "");
        if (command.find("--target nginx") != command.npos && !fs::exists("/usr/sbin/nginx")) {
            shutdown_repro::tests::skip("nginx is not installed (apt-get install nginx)");
            return;
        }
        result const r = run_line("PATH=$PATH:$PWD/bin; " + command, here_.path());
        INFO(command << "\n" << r.out << r.err);
        auto const expected = exits_with.find(command);
        CHECK(r.status == (expected == exits_with.end() ? 0 : expected->second));
        CHECK(r.err == "");
        bool const live = command.starts_with("shutdown-repro run ") && command.find("--world sim") == command.npos;
        std::string const told = words(r.out, live);
        std::size_t from = 0;
        for (std::string const& line : lines(e.shown)) {
            std::string const part = words(line, live);
            INFO("shown is: " << line);
            std::size_t const at = told.find(part, from);
            CHECK(at != told.npos);
            if (at != told.npos) from = at + part.size();
        }
        ++typed;
    }

    int typed = 0;

private:
    static std::string words(std::string text, bool live) {
        text = std::regex_replace(text, std::regex("\\s+"), " ");
        text = std::regex_replace(text, std::regex("^ | $"), "");
        if (!live) return text;
        text = std::regex_replace(
            text, std::regex("[0-9.]+ (ns|us|µs|ms|s)\\b"), "0 ms"); // how long it took decides the unit
        return std::regex_replace(text, std::regex("[0-9]+"), "0");
    }

    folder here_;
};

// The text of a line of mdoc, as it is read.
std::string plain(std::string text) {
    for (auto const& [escape, read] :
        {std::pair{"\\e", "\\"}, {"\\(dq", "\""}, {"\\(aq", "'"}, {"\\&", ""}, {"\\-", "-"}})
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
        std::string display;
        for (++i; i < all.size() && all[i] != ".Ed"; ++i)
            if (!all[i].starts_with(".")) display += plain(all[i]) + "\n";
        to.keep(display);
        for (std::string const& line : lines(replaced(display, "\\\n", "")))
            if (line.starts_with("shutdown-repro ")) to.type({line, ""});
    }
}

// The code blocks are what is indented by four; output follows its command, or a block of its own follows the text that names
// the command last.
void read_readme(std::string const& path, reader& to) {
    std::string block, text;
    std::regex const named("`((?:run|inspect|check|explore|diff) [^`]+)`");
    auto const end = [&] {
        to.keep(block.substr(0, block.find("\n$ ")));
        std::smatch last;
        if (!block.empty() && block[0] != '{' && block[0] != '$' && std::regex_search(text, last, named))
            to.type({"shutdown-repro " + last[1].str(), block});
        auto const all = lines(block);
        for (std::size_t i = 0; i < all.size();) {
            std::string const line = all[i++];
            std::string shown;
            for (; i < all.size() && !all[i].starts_with("$ "); ++i) shown += all[i] + "\n";
            if (line.starts_with("$ shutdown-repro ")) to.type({line.substr(2), shown});
        }
        if (!block.empty()) text.clear();
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

TEST_CASE("every example of the manual can be typed as it stands, and exits as it should") {
    int typed = 0;
    for (fs::directory_entry const& page : fs::directory_iterator(SOURCE_DIR "/man")) {
        if (page.path().extension() == ".txt") continue;
        INFO(page.path());
        reader r;
        read_page(page.path(), r);
        typed += r.typed;
    }
    CHECK(typed > 30);
}

TEST_CASE("every example of the README can be typed as it stands, and what it shows comes out") {
    reader r;
    read_readme(SOURCE_DIR "/README.md", r);
    CHECK(r.typed > 10);
}
