#include "tests/catch.hpp"
#include "tests/traces/trace_text.hpp"
#include "traces/recorder.hpp"

using namespace shutdown_repro::traces;

namespace {

// Appends an event with everything that it can view, in memory that is freed when this returns.
void append_from_short_lived_memory(trace& t) {
    std::string const key(30, 'k'), text(100, 't'), kind_name = "worker.recycle.and.more";
    std::vector<ref> const ids{{entity::coroutine, 1}, {entity::scope, 2}};
    std::vector<seq_t> const because{3, 4};
    std::vector<field> const fields{
        {key, text}, {"ids", std::span<ref const>(ids)}, {"n", -5}, {"odd", "x"}, {"more", std::span<ref const>(ids)}};
    event e;
    e.seq = t.events.size();
    e.id = {entity::scope, 1};
    e.because = because;
    e.detail = fields;
    e.what_text = kind_name;
    t.append(e);
}

std::string const as_appended =
    R"(,"t":0,"kind":"worker.recycle.and.more","id":"scope:1","because":[3,4],"detail":{")" + std::string(30, 'k') +
    R"(":")" + std::string(100, 't') +
    R"(","ids":["coroutine:1","scope:2"],"n":-5,"odd":"x","more":["coroutine:1","scope:2"]}})"
    "\n";

} // namespace

TEST_CASE("a trace keeps an event after everything that the event viewed is freed") {
    trace t;
    for (int i = 0; i < 2000; ++i) append_from_short_lived_memory(t); // fills several blocks
    for (std::size_t i = 0; i < t.events.size(); ++i)
        REQUIRE(line_of(t.events[i]) == R"({"seq":)" + std::to_string(i) + as_appended);
}

TEST_CASE("a moved trace keeps its events, and the source of the move can be filled again") {
    trace first;
    for (int i = 0; i < 100; ++i) append_from_short_lived_memory(first);
    trace second = std::move(first);
    first.clear();
    for (int i = 0; i < 3; ++i) append_from_short_lived_memory(first);
    CHECK(line_of(second.events.at(99)) == R"({"seq":99)" + as_appended);
    CHECK(line_of(first.events.at(2)) == R"({"seq":2)" + as_appended);
    second = std::move(first);
    CHECK(second.events.size() == 3);
    CHECK(line_of(second.events.at(2)) == R"({"seq":2)" + as_appended);
}

TEST_CASE("an event of a trace can be appended to the same trace") {
    trace t;
    append_from_short_lived_memory(t);
    for (int i = 0; i < 100; ++i) t.append(t.events.front());
    CHECK(line_of(t.events.back()) == line_of(t.events.front()));
}

TEST_CASE("a cleared trace is empty and records again in the memory it had") {
    trace t;
    t.head.world = "sim";
    t.foot.emplace();
    t.problems.push_back("torn");
    for (int i = 0; i < 1000; ++i) append_from_short_lived_memory(t);
    event const* const where = t.events.data();
    void const* const first_text = t.events[0].detail[0].val.text.data();
    t.clear();
    CHECK((t.events.empty() && !t.foot && t.problems.empty() && t.head.world.empty()));
    for (int i = 0; i < 1000; ++i) append_from_short_lived_memory(t);
    CHECK(t.events.data() == where);
    CHECK(t.events[0].detail[0].val.text.data() == first_text);
    CHECK(line_of(t.events[999]) == R"({"seq":999)" + as_appended);
}

TEST_CASE("a text longer than any block is kept whole") {
    trace t;
    std::string const text(5'000'000, 'x');
    field const fields[] = {{"text", text}};
    event e;
    e.detail = fields;
    append_from_short_lived_memory(t);
    t.append(e);
    append_from_short_lived_memory(t);
    CHECK(t.events[1].text("text") == text);
    CHECK(line_of(t.events[2]) == R"({"seq":2)" + as_appended);
}

TEST_CASE("the recorder records the innermost actor and cause, and restores the previous ones") {
    trace t;
    nanoseconds clock = 5;
    recorder record(t, clock);
    ref const scope = record.fresh(entity::scope), coroutine = record.fresh(entity::coroutine);
    CHECK(scope.number == 1);
    CHECK(record.fresh(entity::scope).number == 2);
    record.emit(kind::scope_open, scope);
    {
        recorder::acting const acts(record, coroutine);
        seq_t const cancel = record.emit(kind::scope_cancel, scope);
        clock = 9;
        recorder::because_of const why(record, cancel);
        record.emit(kind::scope_cancelled, scope);
    }
    record.emit(kind::scope_closed, scope);

    REQUIRE(t.events.size() == 4);
    CHECK((t.events[0].seq == 0 && t.events[0].t == 5 && !t.events[0].by && t.events[0].because.empty()));
    CHECK((t.events[1].by == coroutine && t.events[1].because.empty()));
    CHECK((t.events[2].t == 9 && t.events[2].by == coroutine && t.events[2].because.size() == 1 &&
        t.events[2].because[0] == 1));
    CHECK((t.events[3].seq == 3 && !t.events[3].by && t.events[3].because.empty()));
}

TEST_CASE("a muted recorder records nothing and spends no numbers") {
    trace t;
    nanoseconds const clock = 0;
    recorder record(t, clock);
    record.emit(kind::server_open, {entity::server, 1});
    record.mute();
    CHECK(record.emit(kind::server_free, {entity::server, 1}) == no_seq);
    record.unmute();
    CHECK(record.emit(kind::process_exit, {entity::process, 1}) == 1);
    CHECK(t.events.size() == 2);
}
