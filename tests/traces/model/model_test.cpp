#include <random>
#include <set>
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

struct number {
    std::uint32_t value = 0;
};

void apply_all(model& m, story const& s) {
    for (event const& e : s.told.events) m.apply(e), m.forget(e);
}

} // namespace

TEST_CASE("a live set agrees with a plain set under any order of opening and closing") {
    std::mt19937 random(7);
    for (std::uint32_t const spread : {8u, 300u, 4'000'000'000u}) {
        live_set<number> set;
        std::set<std::uint32_t> live, closed;
        for (int i = 0; i < 4000; ++i) {
            std::uint32_t n = static_cast<std::uint32_t>(random() % spread);
            if (!live.empty() && random() % 3 == 0) n = *live.begin();
            if (random() % 2) {
                set.open(n).value = n;
                live.insert(n);
            } else if (live.count(n)) {
                set.close(n);
                live.erase(n);
                closed.insert(n);
            } else {
                set.close(n); // has no effect
            }
            REQUIRE(set.size() == live.size());
            REQUIRE((set.find(n) != nullptr) == (live.count(n) == 1));
            REQUIRE(set.was_closed(n) == (closed.count(n) == 1));
        }
        std::vector<std::uint32_t> seen;
        set.each([&](std::uint32_t n, number const& x) {
            CHECK(x.value == n);
            seen.push_back(n);
        });
        CHECK(seen == std::vector<std::uint32_t>(live.begin(), live.end()));
        set.clear();
        CHECK(set.size() == 0);
        CHECK_FALSE(set.was_closed(closed.empty() ? 0 : *closed.begin()));
    }
}

TEST_CASE("an entity that is opened again under a number is new") {
    live_set<number> set;
    set.open(1).value = 5;
    set.open(2);
    CHECK(set.open(1).value == 5);
    set.close(1);
    CHECK(set.is_gone(1));
    CHECK(set.open(1).value == 0);
    CHECK_FALSE(set.is_gone(1));
    CHECK(set.was_closed(1));
}

TEST_CASE("a short text is cut at a whole character") {
    using text = short_text<8>;
    CHECK(std::string_view(text("12345678")) == "12345678");
    CHECK(std::string_view(text("123456789")) == "12345…");
    CHECK(std::string_view(text("1234äöü")) == "1234…");
    CHECK(std::string_view(text("123").append("45").append("6789")) == "12345…");
    CHECK(text().empty());
    CHECK(text("a").str() == "a");
}

TEST_CASE("the model counts the members of a scope and forgets removed ones") {
    story s;
    s.tell("scope.open", "scope:1", {{"name", "server"}});
    s.tell("scope.open", "scope:2", {}, "scope:1");
    s.tell("coroutine.spawn", "coroutine:1", {{"name", "handler"}}, "scope:2");
    model m;
    apply_all(m, s);
    CHECK(m.scopes.find(1)->children == 1);
    CHECK(m.scopes.find(1)->members == 0);
    CHECK(m.scopes.find(1)->used);
    CHECK(m.scopes.find(2)->members == 1);
    CHECK(m.inside({entity::scope, 2}, {entity::scope, 1}));
    CHECK_FALSE(m.inside({entity::scope, 1}, {entity::scope, 2}));
    CHECK(m.describe({entity::coroutine, 1}) == "handler");
    CHECK(m.label({entity::scope, 1}) == "scope:1 (server)");
    CHECK(m.describe({entity::scope, 2}) == "scope:2");

    story finished;
    finished.tell("coroutine.finish", "coroutine:1");
    apply_all(m, finished);
    CHECK(m.scopes.find(2)->members == 1);
    story removed;
    removed.tell("coroutine.remove", "coroutine:1", {}, "scope:2");
    apply_all(m, removed);
    CHECK(m.scopes.find(2)->members == 0);
    CHECK(m.scopes.find(1)->children == 1);
    story disposed;
    disposed.tell("scope.dispose", "scope:2");
    disposed.tell("scope.disposed", "scope:2");
    apply_all(m, disposed);
    CHECK(m.scopes.find(1)->children == 0);
    CHECK(m.coroutines.size() == 0);
    CHECK(m.coroutines.is_gone(1));
    CHECK(m.scopes.is_gone(2));
    CHECK(m.describe({entity::coroutine, 1}) == "coroutine:1");
    m.clear();
    CHECK_FALSE(m.scopes.is_gone(2));
    CHECK(m.scopes.size() == 0);
}

TEST_CASE("a cancellation is the coroutine's own or that of a scope around it") {
    story s;
    s.tell("scope.open", "scope:1");
    s.tell("scope.open", "scope:2", {}, "scope:1");
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:2");
    seq_t const all = s.tell("scope.cancel", "scope:1");
    model m;
    apply_all(m, s);
    CHECK(m.cancel_of(*m.coroutines.find(1)) == all);
    story own;
    own.tell("coroutine.cancel", "coroutine:1");
    apply_all(m, own);
    CHECK(m.cancel_of(*m.coroutines.find(1)) == 0);
}

TEST_CASE("parents in a circle and ids of the wrong type do no harm") {
    story s;
    s.tell("scope.open", "scope:1", {}, "scope:2");
    s.tell("scope.open", "scope:2", {{"object", true}}, "scope:1");
    s.tell("scope.open", "scope:3", {}, "scope:3");
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:1");
    s.tell("coroutine.spawn", "coroutine:2", {}, "coroutine:1");
    s.tell("scope.cancel", "coroutine:1");
    model m;
    apply_all(m, s);
    CHECK_FALSE(m.inside({entity::scope, 1}, {entity::scope, 9}));
    CHECK(m.cancel_of(*m.coroutines.find(1)) != no_seq);
    rule_run run;
    for (event const& e : s.told.events) run.put(e);
    for (auto id : {"scope:1", "scope:2", "scope:3"}) {
        story end;
        end.tell("scope.dispose", id);
        end.tell("scope.disposed", id);
        for (event const& e : end.told.events) run.put(e);
    }
    run.finish(true);
    CHECK_FALSE(run.violations().empty());
}

TEST_CASE("the first stop, free or stop signal is t0, freezing a process is none") {
    story s;
    s.tell("process.signal", "process:1", {{"signal", "SIGSTOP"}});
    s.now = 5;
    s.tell("process.signal", "process:1", {{"signal", "SIGQUIT"}});
    s.now = 9;
    s.tell("act.stop", "server:1");
    model m;
    apply_all(m, s);
    CHECK(m.t0 == 1);
    CHECK(m.t0_time == 5);
}

TEST_CASE("a signal that says whether it is the stop is believed, and a second one never is") {
    story s;
    s.tell("process.signal", "process:1", {{"signal", "SIGHUP"}, {"stop", false}});
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}, {"second", true}});
    s.tell("process.signal", "process:1", {{"signal", "SIGWINCH"}, {"stop", true}});
    model m;
    apply_all(m, s);
    CHECK(m.t0 == 2);
}

TEST_CASE("the exit of a worker is not the server's") {
    story s;
    s.tell("process.exit", "process:2", {{"signal", "SIGTERM"}});
    model m;
    apply_all(m, s);
    CHECK((!m.process_exited && m.signal.empty()));
    s.tell("process.exit", "process:1", {{"status", 3}});
    apply_all(m, s);
    CHECK((m.process_exited && m.exit_status == 3));
}

TEST_CASE("memory is in the number of the living, and a huge number costs no more than a small one") {
    live_set<number> set;
    for (std::uint32_t n = 1; n <= 1'000'000; ++n) {
        set.open(n);
        if (n > 3) set.close(n - 3);
    }
    CHECK(set.size() == 3);
    set.open(4'294'967'295u);
    set.close(4'294'967'295u);
    CHECK(set.is_gone(4'294'967'295u));
    CHECK(set.is_gone(999'997));
    CHECK_FALSE(set.is_gone(1'000'000));
}
