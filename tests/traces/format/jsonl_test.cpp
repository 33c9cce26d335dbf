// Tests the writer, and that everything it writes is read back unchanged.
#include <nlohmann/json.hpp>
#include <random>
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"
#include "traces/format/line.hpp"

using namespace shutdown_repro::traces;

namespace {

event with(std::span<field const> detail) {
    event e;
    e.what = kind::scope_dispose;
    e.detail = detail;
    return e;
}

value detail_read_back(field const& f, trace& into) {
    into = trace_of(a_header + line_of(with({&f, 1})));
    REQUIRE(into.events.size() == 1);
    REQUIRE(into.events[0].detail.size() == 1);
    CHECK(into.events[0].detail[0].key == f.key);
    return into.events[0].detail[0].val;
}

bool same(value const& a, value const& b) {
    if (a.is != b.is) return false;
    switch (a.is) {
    case value::type::integer:
    case value::type::boolean: return a.integer == b.integer;
    case value::type::text: return a.text == b.text;
    case value::type::id: return a.id == b.id;
    case value::type::ids: return std::ranges::equal(a.ids, b.ids);
    }
    return false;
}

bool same(event const& a, event const& b) {
    return a.seq == b.seq && a.t == b.t && a.what == b.what && a.id == b.id && a.parent == b.parent && a.by == b.by &&
        std::ranges::equal(a.because, b.because) && a.what_text == b.what_text &&
        std::ranges::equal(
            a.detail, b.detail, [](field const& x, field const& y) { return x.key == y.key && same(x.val, y.val); });
}

// Generates random events of every shape that the format allows, with awkward texts.
class random_events {
public:
    explicit random_events(unsigned seed) : random_(seed) {}

    event next() {
        event e;
        e.seq = seq_++;
        e.t = static_cast<nanoseconds>(random_() >> below(64)) * (below(4) ? 1 : -1);
        e.what = static_cast<kind>(below(kind_count));
        if (e.what == kind::other) e.what_text = text("worker.");
        if (below(4)) e.id = id();
        if (below(2)) e.parent = id();
        if (below(2)) e.by = id();
        because_.clear();
        for (std::size_t i = below(4); i < 3; ++i) because_.push_back(random_() >> below(64));
        e.because = because_;
        fields_.clear();
        for (std::size_t n = below(5), i = 0; i < n; ++i) fields_.push_back({text(std::string(i + 1, '-')), any()});
        e.detail = fields_;
        return e;
    }

private:
    std::size_t below(std::size_t n) { return random_() % n; }
    ref id() {
        return {static_cast<entity>(1 + below(entity_count - 1)),
            static_cast<std::uint32_t>(random_() >> (32 + below(32)))};
    }
    value any() {
        switch (below(5)) {
        case 0: return static_cast<std::int64_t>(random_() >> below(64));
        case 1: return below(2) == 0;
        case 2: return text("");
        case 3: return id();
        default: break;
        }
        std::vector<ref>& ids = lists_[lists_at_++ % lists_.size()];
        ids.clear();
        for (std::size_t n = below(4), i = 0; i < n; ++i) ids.push_back(id());
        return std::span<ref const>(ids);
    }
    std::string_view text(std::string begin) {
        static constexpr std::string_view pieces[] = {"a", "plain words", "\"", "\\", "\n", "\t",
            std::string_view("\0", 1), "\x1f", "\x7f", "ž", "€", "😀", "scope:2", "/", "{}", "[1]", "other:1", "null",
            "\xEF\xBF\xBD"};
        for (std::size_t n = below(4), i = 0; i < n; ++i) begin += pieces[below(std::size(pieces))];
        return texts_[texts_at_++ % texts_.size()] = begin;
    }

    std::mt19937_64 random_;
    seq_t seq_ = 0;
    std::vector<seq_t> because_;
    std::vector<field> fields_;
    std::array<std::string, 16> texts_;
    std::array<std::vector<ref>, 8> lists_;
    std::size_t texts_at_ = 0, lists_at_ = 0;
};

} // namespace

TEST_CASE("an event is written as the format says") {
    ref const live[] = {{entity::coroutine, 3}};
    seq_t const because[] = {4};
    field const fields[] = {{"live", std::span<ref const>(live)}};
    event e = with(fields);
    e.seq = 5;
    e.t = 503110;
    e.id = {entity::scope, 2};
    e.parent = {entity::scope, 1};
    e.by = {entity::coroutine, 3};
    e.because = because;
    CHECK(line_of(e) ==
        R"({"seq":5,"t":503110,"kind":"scope.dispose","id":"scope:2","parent":"scope:1","by":"coroutine:3",)"
        R"("because":[4],"detail":{"live":["coroutine:3"]}})"
        "\n");
}

TEST_CASE("absent parts of an event are left out") {
    event e;
    e.what = kind::assertion;
    CHECK(line_of(e) ==
        R"({"seq":0,"t":0,"kind":"assert"})"
        "\n");
    field const nobody[] = {{"from", ref{}}, {"refs", 1}, {"to", ref{}}};
    e.detail = nobody;
    CHECK(line_of(e) ==
        R"({"seq":0,"t":0,"kind":"assert","detail":{"refs":1}})"
        "\n");
    e.detail = std::span(nobody).first(1);
    CHECK(line_of(e) ==
        R"({"seq":0,"t":0,"kind":"assert"})"
        "\n");
}

TEST_CASE("header and footer are written as the format says") {
    header h;
    std::string out;
    write_header(out, h);
    CHECK(out == a_header);
    h = {R"({ "name": "x",
             "n": 2 })",
        "sim", "0.1", R"(["a"])", "shutdown-repro 0.1", "scopes  clients "};
    out.clear();
    write_header(out, h);
    CHECK(out ==
        R"({"format":"shutdown-repro/trace","version":"1.0","tool":"shutdown-repro 0.1","scenario":{"name":"x","n":2},)"
        R"("world":"sim","schedule":"0.1","observes":["scopes","clients"],"target":["a"]})"
        "\n");
    out.clear();
    write_footer(out, {6, 0, std::nullopt, "SIGABRT", ""});
    write_footer(out, {6, 1, 0, "", "interrupted"});
    write_footer(out, {});
    CHECK(out ==
        R"({"footer":true,"events":6,"dropped":0,"outcome":{"signal":"SIGABRT"}})"
        "\n"
        R"({"footer":true,"events":6,"dropped":1,"outcome":{"status":0},"note":"interrupted"})"
        "\n"
        R"({"footer":true,"events":0,"dropped":0})"
        "\n");
}

TEST_CASE("a scenario that is no JSON, or too deep to be read, is written as a string") {
    header h;
    for (std::string const& scenario :
        {std::string("scope-disposal"), std::string("{\"a\":"), std::string(100, '[') + std::string(100, ']')}) {
        h.scenario = scenario;
        std::string out;
        write_header(out, h);
        CHECK(nlohmann::json::parse(out)["scenario"] == scenario);
        CHECK(trace_of(out).head.scenario == nlohmann::json(scenario).dump());
    }
}

TEST_CASE("the deepest scenario that is written as JSON can be read") {
    header h;
    std::string const nested(deepest_nesting - 1, '[');
    h.scenario = nested + std::string(nested.size(), ']');
    std::string out;
    write_header(out, h);
    CHECK(trace_of(out).head.scenario == h.scenario);
}

TEST_CASE("every text makes a valid line, and valid UTF-8 reads back as it was") {
    trace memory;
    for (std::string const& text :
        {std::string("\"quoted\" \\ /"), std::string("\b\f\n\r\t\x01\x1f\x7f"), std::string("nul\0inside", 10),
            std::string("žluťoučký € 😀 \u2028"), std::string(), std::string(100'000, '"')}) {
        value const back = detail_read_back({"text", text}, memory);
        CHECK(back.is == value::type::text);
        CHECK(back.text == text);
        CHECK(nlohmann::json::parse(line_of(memory.events[0]))["detail"]["text"] == text);
    }
    CHECK(line_of(with(std::vector<field>{{"a", "\b\f\n\r\t\x01\x1f\"\\/"}})) ==
        R"({"seq":0,"t":0,"kind":"scope.dispose","detail":{"a":"\b\f\n\r\t\u0001\u001f\"\\/"}})"
        "\n");
}

TEST_CASE("each piece of invalid UTF-8 is written as one replacement character") {
    struct {
        std::string bytes, written;
    } const cases[] = {
        {"\x80", "\uFFFD"},
        {"a\xFFz", "a\uFFFDz"},
        {"\xC3", "\uFFFD"},
        {"\xC3(", "\uFFFD("},
        {"\xC0\xAF", "\uFFFD\uFFFD"}, // overlong
        {"\xE2\x82", "\uFFFD"},       // a euro sign cut short
        {"\xE2\x82z", "\uFFFDz"},
        {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},           // a surrogate
        {"\xF0\x9F\x98", "\uFFFD"},                       // an emoji cut short
        {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, // above U+10FFFF
        {"\xE0\x80\x80", "\uFFFD\uFFFD\uFFFD"},
        {"\xF5", "\uFFFD"},
    };
    trace memory;
    for (auto const& c : cases) {
        value const back = detail_read_back({"text", c.bytes}, memory);
        CHECK(back.text == c.written);
    }
}

TEST_CASE("any bytes at all, as a key, a kind or a text, make a valid line") {
    std::mt19937 random(1);
    for (int i = 0; i < 3000; ++i) {
        std::string bytes(random() % 20 + 1, ' ');
        for (char& c : bytes) c = static_cast<char>(random());
        field const fields[] = {{bytes, bytes}};
        event e = with(fields);
        e.what = kind::other;
        e.what_text = bytes;
        std::string const line = line_of(e);
        REQUIRE(nlohmann::json::accept(line));
        REQUIRE(std::ranges::count(line, '\n') == 1);
        trace const back = trace_of(a_header + line);
        REQUIRE(line_of(back.events.at(0)) == line);
    }
}

TEST_CASE("a text that looks like an id stays a text, and an id stays an id") {
    trace memory;
    for (std::string_view text : {"scope:2", "other:7", "server:8080", "loop:0"}) {
        CHECK(detail_read_back({"a", text}, memory).is == value::type::text);
        CHECK(memory.events[0].text("a") == text);
        CHECK(line_of(memory.events[0]).find(R"("a":{"text":")" + std::string(text) + "\"}") != std::string::npos);
        CHECK(detail_read_back({"a", *parse_ref(text)}, memory).is == value::type::id);
        CHECK(memory.events[0].id_of("a") == parse_ref(text));
    }
    // These ids name no known entity, so nothing has to distinguish them.
    for (std::string_view text :
        {"localhost:8080", "worker:3", "otherwise:3", "none:0", "scope:02", "scope:", "scope:2 ", "127.0.0.1:80"}) {
        CHECK(detail_read_back({"a", text}, memory).text == text);
        CHECK(line_of(memory.events[0]).find(R"("a":")" + std::string(text) + '"') != std::string::npos);
    }
}

TEST_CASE("numbers keep their value to the last bit") {
    trace memory;
    for (std::int64_t n :
        {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN, std::int64_t{999'999'999'999'999'999}})
        CHECK(detail_read_back({"n", n}, memory).integer == n);
    event e;
    e.seq = ~seq_t{0} - 1;
    e.t = INT64_MIN;
    trace const back = trace_of(a_header + line_of(e));
    CHECK((back.events.at(0).seq == e.seq && back.events[0].t == e.t));
}

TEST_CASE("the golden trace reads and writes back to the byte") {
    std::string const path = TEST_DATA "/every-kind.jsonl", text = content_of(path);
    trace const t = read_file(path);
    CHECK(t.problems.empty());
    CHECK(text_of(t) == text);

    std::vector<bool> seen(kind_count);
    for (event const& e : t.events) seen[static_cast<std::size_t>(e.what)] = true;
    for (std::size_t i = 0; i < kind_count; ++i) {
        INFO(name_of(static_cast<kind>(i)));
        CHECK(seen[i]);
    }
}

TEST_CASE("random events read back as they were, on the fast path and on the general one") {
    std::uint64_t taken_fast = 0, total = 0;
    own_line own;
    any_line any;
    for (unsigned seed = 0; seed < 20; ++seed) {
        random_events events(seed);
        for (int i = 0; i < 500; ++i, ++total) {
            event const e = events.next();
            std::string line = line_of(e);
            line.pop_back();
            event fast;
            if (own.parse(line, fast)) {
                ++taken_fast;
                REQUIRE(same(fast, e));
            }
            REQUIRE(any.parse(line) == any_line::type::event);
            REQUIRE(same(any.what, e));
        }
    }
    CHECK(taken_fast > total / 4); // otherwise the test above would compare nothing
}

TEST_CASE("a line of our own shape with plain texts never needs the general path") {
    own_line own;
    event e;
    std::size_t refused = 0;
    std::istringstream lines(content_of(TEST_DATA "/every-kind.jsonl"));
    for (std::string line; std::getline(lines, line);) {
        bool const special =
            line.find('\\') != line.npos || line.find(R"({"text":)") != line.npos || line.find("ž") != line.npos;
        if (line.starts_with(R"({"seq")") && !special) refused += !own.parse(line, e);
    }
    CHECK(refused == 0);
}
