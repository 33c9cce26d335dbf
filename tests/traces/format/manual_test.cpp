// Checks that the manual page of the format agrees with the program.
#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"

using namespace shutdown_repro::traces;

namespace {

std::string const& page() {
    static std::string const text = content_of(SOURCE_DIR "/man/shutdown-repro-trace.5");
    return text;
}

} // namespace

TEST_CASE("the manual page lists every kind, and each of its details that the golden trace has") {
    trace const t = read_file(TEST_DATA "/every-kind.jsonl");
    for (event const& e : t.events) {
        if (e.what == kind::other) continue;
        std::string const name(name_of(e.what));
        std::size_t const begin = page().find(".It Ic " + name + "\n");
        INFO(name);
        REQUIRE(begin != std::string::npos);
        std::string const entry =
            page().substr(begin, std::min(page().find("\n.It ", begin), page().find("\n.El", begin)) + 1 - begin);
        for (field const& f : e.detail) {
            INFO(f.key);
            CHECK((entry.find("\n.Ic " + std::string(f.key) + "\n") != std::string::npos ||
                entry.find("\n.Ic " + std::string(f.key) + " ") != std::string::npos));
        }
    }
}

TEST_CASE("the manual page lists every entity") {
    for (std::size_t i = 1; i < entity_count; ++i) {
        INFO(name_of(static_cast<entity>(i)));
        CHECK(page().find("\n.Dq " + std::string(name_of(static_cast<entity>(i)))) != std::string::npos);
    }
}

TEST_CASE("the manual page's example is a complete trace, written as we write it") {
    std::string const begin = ".Bd -literal\n";
    std::size_t const at = page().find(begin) + begin.size();
    std::string const example = page().substr(at, page().find(".Ed", at) - at);
    trace const t = trace_of(example);
    CHECK(t.problems.empty());
    CHECK(t.events.size() == 6);
    CHECK(text_of(t) == example);
}
