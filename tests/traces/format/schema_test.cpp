// Checks that the shipped JSON Schema agrees with the writer. The validator below implements the keywords that the
// schema uses and refuses all others, so no part of the schema is ignored silently.
#include <nlohmann/json.hpp>
#include <regex.h>
#include <set>
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"

using namespace shutdown_repro::traces;
using nlohmann::json;

namespace {

json const& schema() {
    static json const document = json::parse(content_of(SOURCE_DIR "/traces/trace.schema.json"));
    return document;
}

bool valid(json const& v, json const& rule);

bool has_type(json const& v, std::string const& type) {
    if (type == "object") return v.is_object();
    if (type == "array") return v.is_array();
    if (type == "string") return v.is_string();
    if (type == "integer") return v.is_number_integer();
    if (type == "boolean") return v.is_boolean();
    throw std::logic_error("unknown type " + type);
}

bool valid_members(json const& object, json const& rule) {
    json const properties = rule.value("properties", json::object()),
               others = rule.value("additionalProperties", json(true));
    for (auto const& [key, member] : object.items())
        if (!valid(member, properties.contains(key) ? properties[key] : others)) return false;
    return true;
}

// The patterns of the schema have the same meaning in POSIX and in JSON Schema.
bool matches(std::string const& text, std::string const& pattern) {
    regex_t compiled;
    if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
        throw std::logic_error("bad pattern " + pattern);
    bool const found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    ::regfree(&compiled);
    return found;
}

std::size_t how_many(json const& v, json const& rules) {
    return static_cast<std::size_t>(std::ranges::count_if(rules, [&](json const& rule) { return valid(v, rule); }));
}

bool holds(std::string const& keyword, json const& wanted, json const& v, json const& rule) {
    static std::set<std::string> const says_nothing{"$schema", "$id", "$defs", "title", "description"};
    if (says_nothing.contains(keyword)) return true;
    if (keyword == "$ref") return valid(v, schema().at(json::json_pointer(wanted.get<std::string>().substr(1))));
    if (keyword == "oneOf") return how_many(v, wanted) == 1;
    if (keyword == "anyOf") return how_many(v, wanted) > 0;
    if (keyword == "type") return has_type(v, wanted);
    if (keyword == "const") return v == wanted;
    if (keyword == "enum") return std::ranges::count(wanted, v) > 0;
    if (keyword == "minimum") return !v.is_number() || v >= wanted;
    if (keyword == "minLength") return !v.is_string() || v.get<std::string>().size() >= wanted;
    if (keyword == "pattern") return !v.is_string() || matches(v, wanted);
    if (keyword == "items")
        return !v.is_array() || std::ranges::all_of(v, [&](json const& item) { return valid(item, wanted); });
    if (keyword == "required")
        return !v.is_object() ||
            std::ranges::all_of(wanted, [&](json const& key) { return v.contains(key.get<std::string>()); });
    if (keyword == "properties" || keyword == "additionalProperties") return !v.is_object() || valid_members(v, rule);
    throw std::logic_error("the test does not know the keyword " + keyword);
}

bool valid(json const& v, json const& rule) {
    if (rule.is_boolean()) return rule;
    for (auto const& [keyword, wanted] : rule.items())
        if (!holds(keyword, wanted, v, rule)) return false;
    return true;
}

bool valid_line(std::string const& text) { return valid(json::parse(text), schema()); }

// The schema allows unknown keys for readers. The writer must not write any.
bool all_declared(json const& line) {
    char const* which = line.contains("format") ? "header" : line.contains("footer") ? "footer" : "event";
    json const& properties = schema()["$defs"][which]["properties"];
    return std::ranges::all_of(line.items(), [&](auto const& member) { return properties.contains(member.key()); });
}

} // namespace

TEST_CASE("every line of the golden trace is valid and has no key that the schema does not declare") {
    std::istringstream lines(content_of(TEST_DATA "/every-kind.jsonl"));
    std::size_t checked = 0;
    for (std::string line; std::getline(lines, line); ++checked) {
        INFO(line);
        CHECK(valid_line(line));
        CHECK(all_declared(json::parse(line)));
    }
    CHECK(checked == 124);
}

TEST_CASE("the schema declares every kind and every entity, and nothing else") {
    std::set<std::string> declared, known;
    for (json const& name : schema()["$defs"]["kind"]["enum"]) declared.insert(name);
    for (std::size_t i = 0; i < kind_count; ++i)
        if (static_cast<kind>(i) != kind::other) known.emplace(name_of(static_cast<kind>(i)));
    CHECK(declared == known);

    std::string words;
    for (std::size_t i = 1; i < entity_count; ++i) (words += i > 1 ? "|" : "") += name_of(static_cast<entity>(i));
    CHECK(schema()["$defs"]["knownId"]["pattern"] == "^(" + words + "):(0|[1-9][0-9]{0,9})$");
}

TEST_CASE("the schema and the reader require the same of a line") {
    std::string const header = R"({"format":"shutdown-repro/trace","version":"1.0"})";
    struct {
        std::string before, line;
    } const cases[] = {
        {"", header},
        {header,
            R"({"seq":0,"t":-5,"kind":"scope.open","id":"scope:0","because":[0],"detail":{"a":[],"b":{"text":"scope:1"}}})"},
        {header, R"({"footer":true,"events":0,"outcome":{"status":3}})"},
    };
    for (auto const& c : cases) {
        json const good = json::parse(c.line);
        auto const read = [&](json const& line) {
            try {
                trace_of(c.before + "\n" + line.dump() + "\n");
                return true;
            } catch (trace_error const&) { return false; }
        };
        CHECK((valid(good, schema()) && read(good)));
        for (auto const& [key, member] : good.items()) {
            json without = good, other = good;
            without.erase(key);
            other[key] = -1.5;
            INFO(without << ' ' << other);
            CHECK(valid(without, schema()) == read(without));
            CHECK_FALSE(valid(other, schema()));
            CHECK_FALSE(read(other));
        }
    }
}

TEST_CASE("the schema refuses lines that no writer writes") {
    auto const event_with = [](std::string const& member) {
        return valid_line(R"({"seq":0,"t":0,"kind":"scope.open",)" + member + "}");
    };
    CHECK(event_with(R"("id":"worker:3")"));
    CHECK(event_with(R"("later":{})"));
    CHECK_FALSE(event_with(R"("id":"scope:02")"));
    CHECK_FALSE(event_with(R"("id":"scope")"));
    CHECK_FALSE(event_with(R"("because":[-1])"));
    CHECK_FALSE(event_with(R"("detail":{"a":1.5})"));
    CHECK_FALSE(event_with(R"("detail":{"a":null})"));
    CHECK_FALSE(event_with(R"("detail":{"a":["worker:3"]})"));
    CHECK_FALSE(event_with(R"("detail":{"a":{"text":"b","c":1}})"));
    CHECK_FALSE(valid_line(R"({"seq":0,"t":0,"kind":""})"));
    CHECK_FALSE(valid_line(R"({"format":"shutdown-repro/trace","version":"2.0"})"));
}
