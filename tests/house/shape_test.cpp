// Checks the lengths of files, functions and lines, and that the files that comments name exist.
#include <functional>
#include "tests/catch.hpp"
#include "tests/house/shape.hpp"

using namespace shutdown_repro::tests;
using lines = std::vector<std::string>;

namespace {

lines in_all(std::vector<std::string> folders, std::function<lines(source_file const&)> const& check) {
    lines found;
    for (source_file const& s : read_sources(folders))
        for (std::string& line : check(s)) found.push_back(std::move(line));
    return found;
}

std::vector<std::string> with_tests() {
    auto all = product();
    all.push_back("tests");
    return all;
}

std::string repeated(std::string const& text, int n) {
    std::string all;
    for (int i = 0; i < n; ++i) all += text;
    return all;
}

} // namespace

TEST_CASE("no line is longer than 120 columns") { CHECK(in_all(with_tests(), long_lines) == lines{}); }
TEST_CASE("no function is longer than 60 lines, and no test than 100") {
    CHECK(in_all(with_tests(), long_functions) == lines{});
}
TEST_CASE("no file is longer than 600 lines") { CHECK(in_all(with_tests(), long_files) == lines{}); }
TEST_CASE("a file that a comment names exists") { CHECK(in_all(with_tests(), files_that_do_not_exist) == lines{}); }
TEST_CASE("no header imports a name into its namespace") { CHECK(in_all(with_tests(), names_taken_over) == lines{}); }

TEST_CASE("a rule keeps what it knows by whose it is, or says that there is only one of it") {
    CHECK(in_all({"traces"}, members_of_one_server) == lines{});
}

TEST_CASE("every header can be included twice") {
    for (source_file const& s : read_sources(with_tests())) {
        INFO(s.path);
        if (s.path.ends_with(".hpp")) CHECK(s.text.find("#pragma once") != s.text.npos);
    }
}

TEST_CASE("a line is measured in columns, and one that is too long is found") {
    CHECK(long_lines({"a.cpp", repeated("x", 120) + "\n" + repeated("é", 120) + "\n"}) == lines{});
    std::string const literal = "f(\"" + repeated("x", 121) + "\");\n";
    CHECK(long_lines({"tests/a.cpp", literal}) == lines{});
    CHECK(long_lines({"a.cpp", literal}).size() == 1);
    CHECK(long_lines({"a.cpp", "\n" + repeated("x", 121) + "\n"}) == lines{"a.cpp:2 a line of 121 columns"});
}

TEST_CASE("a function that is too long is found, wherever it stands") {
    auto const found = [](std::string const& before, int statements, std::string const& after) {
        return long_functions({"a.cpp", before + repeated("    f(1);\n", statements) + after});
    };
    CHECK(found("void g() {\n", 58, "}\n") == lines{});
    CHECK(found("void g() {\n", 59, "}\n") == lines{"a.cpp:1 a function of 61 lines"});
    CHECK(found("// }\nvoid g(int a,\n    int b = 2) {\n", 58, "}\n") == lines{"a.cpp:2 a function of 61 lines"});
    CHECK(found("struct s {\n    s() : a{1}, b{2} {\n", 59, "    }\n};\n").size() == 1);
    CHECK(found("TEST_CASE(\"a { sentence\") {\n", 59, "}\n").size() == 1);
    CHECK(found("template <class T> void g(T) {\n", 59, "}\n").size() == 1);
    CHECK(found("auto const table = [] {\n", 59, "}();\n").size() == 1);
    CHECK(found("void g() {\n    auto h = [&] {\n", 59, "    };\n}\n") == lines{"a.cpp:1 a function of 63 lines"});
}

TEST_CASE("a type, a namespace or a table may be longer than a function") {
    std::string const many = repeated("    {1, f(2), \"}\"},\n", 80), members = repeated("    int f(int);\n", 80);
    CHECK(long_functions({"a.cpp", "int const table[] = {\n" + many + "};\n"}) == lines{});
    CHECK(long_functions({"a.cpp", "namespace n {\n" + members + "}\n"}) == lines{});
    CHECK(long_functions({"a.cpp", "template <class T> struct s : base<T> {\n" + members + "};\n"}) == lines{});
}

TEST_CASE("a file that is too long is found") {
    CHECK(long_files({"a.cpp", repeated("\n", 600)}) == lines{});
    CHECK(long_files({"a.cpp", repeated("\n", 601)}) == lines{"a.cpp a file of 601 lines"});
}

TEST_CASE("a name that a header imports is found") {
    CHECK(names_taken_over({"a.hpp", "namespace n {\nusing traces::event;\n}\n"}) ==
        lines{"a.hpp:2 using traces::event"});
    CHECK(names_taken_over({"a.hpp", "using namespace std;\n"}).size() == 1);
    CHECK(names_taken_over({"a.hpp", "using seconds = int;\n// using traces::event;\n"}) == lines{});
    CHECK(names_taken_over({"a.cpp", "using namespace std;\n"}) == lines{});
}

TEST_CASE("a rule that keeps a plain value of some server is found") {
    auto const found = [](std::string const& members) {
        std::string const rule = "struct a_rule final : rule {\n    void on() {\n        bool here = f_;\n    }\n";
        return members_of_one_server({"traces/rules/a.cpp", rule + members + "};\nstruct b {\n    bool c_;\n};\n"});
    };
    CHECK(found("    bool stopped_ = false, asked_ = false;\n") ==
        lines{"traces/rules/a.cpp:5 a_rule keeps bool stopped_ = false, asked_ = false"});
    for (std::string const type : {"seq_t", "ref", "std::size_t", "nanoseconds", "std::optional<int>"}) {
        INFO(type);
        CHECK(found("    " + type + " ended_;\n").size() == 1);
    }
    CHECK(
        found("    of_trace<bool> looked_ = false;\n    once reported_;\n    std::vector<ref> waiting_;\n") == lines{});
}

TEST_CASE("a comment that names a file that does not exist is found") {
    CHECK(files_that_do_not_exist({"a.cpp", "\n// See repro/sim/nothing.hpp.\n"}) ==
        lines{"a.cpp:2 names repro/sim/nothing.hpp"});
    CHECK(files_that_do_not_exist({"a.cpp", "// See sim/execute.cpp and exec*.hpp, written by \"x.cpp\".\n"}).size() ==
        1);
    CHECK(files_that_do_not_exist({"a.cpp", "char const* a = \"nothing.cpp\";\n"}) == lines{});
}
