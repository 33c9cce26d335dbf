#include <filesystem>
#include <fstream>
#include "repro/input/errors.hpp"
#include "repro/input/located_json.hpp"
#include "tests/catch.hpp"

using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using namespace shutdown_repro::repro;

namespace {

std::string complaint(std::string_view text) {
    try {
        located_document::parse(text, "gate.json");
    } catch (input_error const& e) { return e.what(); }
    return "none";
}

std::string line_of(located_value const& v) {
    try {
        v.fail("");
    } catch (input_error const& e) {
        std::string const what = e.what();
        return what.substr(0, what.find(": "));
    }
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

} // namespace

TEST_CASE("each value of a document knows its line") {
    auto const document = located_document::parse("\n{\n  \"a\": 1,\n  \"b\": [true,\n    \"x\",\n    17\n  ],\n  "
                                                  "\"c\":\n\n    {\"d\": null,\n \"e\": -1.5\n}}\n",
        "f");
    auto const root = document.root();
    CHECK(line_of(root) == "f:2");
    CHECK(line_of(*root.find("a")) == "f:3");
    CHECK(line_of(*root.find("b")) == "f:4");
    auto const items = root.find("b")->items("a list", 0, 9);
    CHECK(line_of(items[0]) == "f:4");
    CHECK(line_of(items[1]) == "f:5");
    CHECK(line_of(items[2]) == "f:6");
    CHECK(items[2].path() == "b.3");
    CHECK(line_of(*root.find("c")) == "f:10");
    CHECK(line_of(*root.find("c")->find("d")) == "f:10");
    CHECK(line_of(*root.find("c")->find("e")) == "f:11");
    CHECK(root.find("c")->find("e")->path() == "c.e");
    CHECK_FALSE(root.find("z"));
}

TEST_CASE("a number has its own line, even if the line ends right after it") {
    auto const document = located_document::parse("[1\n,2\r\n,\n3]", "f");
    auto const items = document.root().items("a list", 3, 3);
    CHECK(line_of(items[0]) == "f:1");
    CHECK(line_of(items[1]) == "f:2");
    CHECK(line_of(items[2]) == "f:4");
    auto const scalar = located_document::parse("\n\n5\n\n", "f");
    CHECK(line_of(scalar.root()) == "f:3");
}

TEST_CASE("the fields of an object come in the order of the file") {
    auto const document = located_document::parse("{\"z\": 1,\n\"a\": 2,\n\"m\": 3}", "f");
    std::string order;
    for (auto const& member : document.root().members()) order += member.name();
    CHECK(order == "zam");
}

TEST_CASE("a syntax error names its file and line") {
    CHECK_THAT(complaint("{\n\"a\": 1,\n\"b\" 2\n}"), StartsWith("gate.json:3: syntax error"));
    CHECK_THAT(complaint("{\"a\": 1,\n}"), StartsWith("gate.json:2: syntax error"));
    CHECK_THAT(complaint("{\n\"a\": \"open\n}"), StartsWith("gate.json:2: syntax error"));
    CHECK_THAT(complaint("{\n\"a\": 1"), StartsWith("gate.json:2: syntax error"));
    CHECK_THAT(complaint("{}\n{}"), StartsWith("gate.json:2: syntax error"));
    CHECK_THAT(complaint(""), StartsWith("gate.json:1: syntax error"));
    CHECK_THAT(complaint("\n1e999"), StartsWith("gate.json:2: number overflow"));
    CHECK_THAT(complaint("// no comments\n{}"), StartsWith("gate.json:1: syntax error"));
}

TEST_CASE("the error for a duplicate field names both lines") {
    CHECK(complaint("{\"grace\": 1,\n\"port\": 2,\n\"grace\": 1}") ==
        "gate.json:3: \"grace\" is given twice, first at line 1");
    CHECK(complaint("{\"a\": {\"x\": 1}, \"b\": {\"x\": 1}}") == "none");
}

TEST_CASE("hostile nesting is refused, not followed") {
    CHECK(complaint(nested(32)) == "none");
    CHECK_THAT(complaint(nested(33)), ContainsSubstring("nested deeper than 32 levels"));
    CHECK_THAT(complaint(std::string(1'000'000, '[')), ContainsSubstring("nested deeper than 32 levels"));
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
    CHECK_THAT(complaint(objects), ContainsSubstring("nested deeper than 32 levels"));
}

TEST_CASE("a document that is too long is refused before it is read") {
    CHECK_THAT(complaint(std::string(located_document::most_bytes + 1, ' ')),
        ContainsSubstring("is longer than 1048576 bytes"));
    CHECK_THAT(complaint("{\"" + std::string(101, 'n') + "\": 1}"), ContainsSubstring("is too long"));
}

TEST_CASE("text of a document reaches the terminal printable and short") {
    std::string bytes = "{\"a\": \"";
    for (int c = 1; c < 256; ++c)
        if (c != '\n') bytes += static_cast<char>(c);
    for (std::string const& text : {std::string("\xff\xfe\x1b[2J"), std::string("{\"\x1b]0;x\x07\": 1}"), bytes,
             std::string("{\"a\": ") + std::string(100'000, 'x')}) {
        std::string const message = complaint(text);
        CHECK(message != "none");
        CHECK(message.size() < 300);
        CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    }
    auto const document = located_document::parse(R"({"a": "\u001b[2J)" + std::string(1000, 'x') + "\"}", "f");
    CHECK_THROWS_WITH(document.root().find("a")->must_be("a number"),
        StartsWith("f:1: \"a\" must be a number, not \"\\u001b[2Jxxx") && EndsWith("xxx..."));
}

TEST_CASE("every prefix of a document is read, or refused with a line, without a crash") {
    std::string const text = "{\n\"a\": [1, 2.5e3, true, null],\n\"b\": {\"c\": \"\\u00e9\\n\"},\n\"d\": -0\n}\n";
    for (std::size_t n = 0; n < text.size() - 2; ++n) {
        INFO(n);
        CHECK_THAT(complaint(text.substr(0, n)), StartsWith("gate.json:"));
    }
    CHECK(complaint(text) == "none");
}

TEST_CASE("an invalid value is refused with the expected form") {
    auto const document = located_document::parse(
        R"({"grace": "lots", "requests": 0, "half": 0.5, "huge": 18446744073709551615, "safe": 1, "owner": "ownes", "list": {}})",
        "gate.json");
    auto const root = document.root();
    static constexpr std::string_view owners[] = {"server", "owns", "extra"};
    CHECK_THROWS_WITH(root.find("grace")->number("a number of milliseconds", 0, 10),
        R"(gate.json:1: "grace" must be a number of milliseconds, not "lots")");
    CHECK_THROWS_WITH(root.find("requests")->number("a number", 1, 10),
        R"(gate.json:1: "requests" must be a number from 1 to 10, not 0)");
    CHECK_THROWS_WITH(
        root.find("half")->number("a number", 0, 10), R"(gate.json:1: "half" must be a number from 0 to 10, not 0.5)");
    CHECK_THROWS_WITH(root.find("huge")->number("a number", 0, 10),
        R"(gate.json:1: "huge" must be a number from 0 to 10, not 18446744073709551615)");
    CHECK_THROWS_WITH(root.find("safe")->check_flag(), R"(gate.json:1: "safe" must be true or false, not 1)");
    CHECK_THROWS_WITH(
        root.find("owner")->one_of(owners), R"(gate.json:1: "owner" can't be "ownes"; did you mean "owns"?)");
    CHECK_THROWS_WITH(root.find("list")->items("a list", 0, 1), R"(gate.json:1: "list" must be a list, not {})");
    CHECK_THROWS_WITH(root.find("grace")->unknown_field(owners),
        R"(gate.json:1: unknown field "grace"; known fields are "server", "owns", "extra")");
}

TEST_CASE("errors in a document without text have its name and no line") {
    auto const document = located_document::of(nlohmann::json{{"grace", "lots"}, {"list", {1}}}, "--set grace");
    CHECK_THROWS_WITH(
        document.root().find("grace")->check_flag(), R"(--set grace: "grace" must be true or false, not "lots")");
    CHECK(document.root().find("list")->items("a list", 1, 1)[0].path() == "list.1");
    CHECK(document.root().members().size() == 2);
}

TEST_CASE("a file that can't be read is an error that names it") {
    CHECK_THROWS_WITH(
        located_document::read("/nowhere/gate.json"), "cannot read /nowhere/gate.json: No such file or directory");
    CHECK_THROWS_WITH(located_document::read("/"), "cannot read /: Is a directory");
    CHECK_THROWS_WITH(located_document::read("/dev/zero"), ContainsSubstring("/dev/zero: is longer than"));
}
