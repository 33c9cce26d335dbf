// Judges the reactor server: each policy and order of the second report violates the rules of its outcome, and the
// explanation of the crash in the report shows its second scenario step by step.
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include "repro/scenario/scenario.hpp"
#include "repro/sim/execute.hpp"
#include "tests/catch.hpp"
#include "traces/rules/rule.hpp"
#include "traces/views/views.hpp"

using namespace shutdown_repro;

namespace {

struct reactor_judgement {
    traces::trace told;
    std::vector<traces::violation> found;
    std::vector<traces::rule_run::skipped> not_applicable;

    std::string rules() const {
        std::string out;
        for (auto const& v : found)
            if (out.find(v.rule) == std::string::npos) out.append(out.empty() ? "" : " ").append(v.rule);
        return out;
    }
    traces::violation const& of(std::string_view rule) const {
        for (auto const& v : found)
            if (v.rule == rule) return v;
        FAIL("nothing broke " << rule);
        std::abort();
    }
};

reactor_judgement run_program(std::string const& fields) {
    repro::scenario const s = repro::scenario_from_text(
        R"({"scenario":"seed","server":"reactor")" + (fields.empty() ? "" : "," + fields) + "}", "test");
    repro::follow in_order{repro::schedule{}};
    reactor_judgement j;
    repro::simulator().run(s, in_order, j.told);
    traces::rule_run rules;
    rules.on_header(j.told.head);
    for (traces::event const& e : j.told.events) rules.put(e);
    if (j.told.foot) rules.on_footer(*j.told.foot);
    rules.finish(j.told.foot && j.told.problems.empty());
    j.found = rules.violations();
    j.not_applicable = rules.not_applicable();
    return j;
}

} // namespace

TEST_CASE("the report's two scenarios under each policy break what the measured table says, and nothing else") {
    struct row {
        char const *policy, *client_first, *server_first;
    };
    constexpr char const* crash =
        "callback-after-destroy unhandled-exception-at-stop timer-lost finish-event-lost stop-returned-early";
    constexpr row table[] = {
        {"as-reported", crash, "timer-lost"},
        {"guard-self", "timer-lost finish-event-lost stop-returned-early", "timer-lost"},
        {"strong-self", "timer-lost", "timer-lost"},
        {"close-on-destroy", "timer-lost", "timer-lost"},
        {"deferred-destroy", "timer-lost", "timer-lost"},
        {"no-destroy", "idle-connection-blocks-stop", "idle-connection-blocks-stop"},
    };
    for (row const& r : table)
        for (bool const client_first : {true, false}) {
            INFO(r.policy << (client_first ? " client-first" : " server-first"));
            std::string const order = client_first ? "client-first" : "server-first";
            CHECK(run_program(R"("policy":")" + std::string(r.policy) + R"(","order":")" + order + "\"").rules() ==
                (client_first ? r.client_first : r.server_first));
        }
}

TEST_CASE("a late answer to a transaction that went with its server fires a timer without an owner") {
    std::string const at = R"("timer":"none","when":"handler","what":"u","handler":)";
    CHECK(run_program(at + R"("delay_weak")").rules().find("timer-after-destroy") != std::string::npos);
    // A callback that holds its transaction finds it, and then calls a freed server.
    std::string const strong = run_program(at + R"("delay")").rules();
    CHECK(strong.find("timer-after-destroy") == std::string::npos);
    CHECK(strong.find("callback-after-destroy") != std::string::npos);
}

TEST_CASE("the loop's finish hook runs when the loop is asked to stop gracefully, and is skipped by every other stop") {
    for (auto const& [what, skipped] : {std::pair{"g", false}, {"gs", false}, {"gsu", false}, {"gsn", false},
             {"u", true}, {"un", true}, {"stop", true}}) {
        INFO(what);
        CHECK((run_program(R"("timer":"none","what":")" + std::string(what) + "\"")
                      .rules()
                      .find("shutdown-hook-skipped") != std::string::npos) == skipped);
    }
}

TEST_CASE("a loop that is stopped in a handler leaves a queued response") {
    reactor_judgement const j = run_program(R"("timer":"none","when":"handler","what":"stop")");
    CHECK(j.of("loop-stopped-with-pending-work").message == "loop:1 ended and dropped 1 stream that still writes");
}

TEST_CASE("every rule of loops can judge the reactor's traces, whatever happened in them") {
    reactor_judgement const j = run_program(R"("what":"gs","timer":"none")");
    for (auto const& n : j.not_applicable) {
        INFO(n.rule->id << ": " << n.why());
        for (char const* id : {"timer-lost", "timer-after-destroy", "callback-after-destroy",
                 "loop-stopped-with-pending-work", "unhandled-exception-at-stop", "shutdown-hook-skipped",
                 "destroy-order-inverted", "listener-notified-after-free", "idle-connection-blocks-stop"})
            CHECK(n.rule->id != id);
    }
}

namespace {

std::string explained(reactor_judgement const& j, std::string_view rule) {
    traces::violation const v = j.of(rule);
    return "\n" + traces::explain(j.told, {&v, 1}, {});
}

} // namespace

TEST_CASE("the explanation of the lost finish shows the report's second scenario step by step") {
    reactor_judgement const j = run_program(R"("order":"client-first")");
    CHECK(explained(j, "finish-event-lost") == R"(
finish-event-lost at #72, 18 steps:
  request:1 (GET /1) began and never finished
 1 #34  request.begin      request:1 begins on connection:1: GET /1
                           request:1 (GET /1): not answered
 2 #36  request.respond    request:1 is answered: 200
                           request:1 (GET /1): answered, not finished
 3 #43  stream.queue       stream:1 of connection:1 queues a callback for its
                           next drain, and no bytes
 4 #45  loop.serve         loop:1 serves client connection:1 read before server
                           connection:1 write (tick 6)
 5 #49  act.stop           stop() is called on server:1 by client:1
 6 #50  loop.stop_gracefully loop:1 is asked to stop gracefully, with 1 accepted
                             connection open
 7 #55  act.free           free() is called on server:1 by client:1
 8 #56  server.destroy     the destruction of server:1 begins, with 1 connection
 9 #57  stream.close_gracefully stream:1 of connection:1 is asked to close
                                gracefully: it waits until its data is written
10 #61  loop.serve         loop:1 serves server connection:1 write (tick 6)
11 #62  stream.drain       stream:1 of connection:1 is drained and notifies 1
                           subscriber
12 #63  callback.enter     a callback of connection:1 calls _finish of server:1
                           server:1: freed
13 #64  loop.error         an error leaves a callback of loop:1: "I/O watcher
                           failed: Can't call method "_finish" on an undefined
                           value"
14 #66  loop.serve         loop:1 serves server connection:1 write (tick 7)
15 #69  loop.stopping      loop:1 will end after this tick:
                           last_incoming_closed, graceful_after_write
16 #70  stream.close       stream:1 of connection:1 closes: graceful_after_write
17 #71  loop.stop          loop:1 ends, 1 user timer dropped
18 #72  process.exit       process:1 exits with status 0
  still inside
    request:1   GET /1, begun at #34, answered at #36, not finished
)");
}

TEST_CASE("the explanation of the lost timer names who set it, what ended the loop, and that the loop did not wait") {
    reactor_judgement const j = run_program(R"("order":"server-first")");
    CHECK(explained(j, "timer-lost") == R"(
timer-lost at #71, 8 steps:
  timer:7 (U1) neither fired nor was cancelled: loop:1 ended 300 ms before it
  was due and did not wait for it; exempt: 1 internal
 1 #35  timer.arm          timer:7 is set for 300 ms by request:1: U1
 2 #56  act.stop           stop() is called on server:1 by client:1
 3 #57  loop.stop_gracefully loop:1 is asked to stop gracefully, with 1 accepted
                             connection open
 4 #62  act.free           free() is called on server:1 by client:1
 5 #63  server.destroy     the destruction of server:1 begins, with 1 connection
 6 #64  stream.close_gracefully stream:2 of connection:1 is asked to close
                                gracefully
 7 #66  loop.stopping      loop:1 will end after this tick:
                           last_incoming_closed, server_destroyed
 8 #71  loop.stop          loop:1 ends, 1 user timer dropped
  still inside
    timer:7   U1, set at #35 by request:1
)");
}

TEST_CASE(
    "in each measured cell the rules find a lost finish and a lost timer exactly where the real program lost one") {
    std::ifstream cells(TEST_DATA "/mojolicious.jsonl");
    std::map<std::string_view, int> broken;
    for (std::string line; std::getline(cells, line);) {
        auto const cell = nlohmann::json::parse(line);
        auto const &p = cell.at("params"), &outcome = cell.at("outcome");
        INFO(cell.at("id"));
        nlohmann::json const fields{{"connections", p.at("n")}, {"close", p.at("conn") == "close"},
            {"handler", p.at("handler")}, {"timer", p.at("timers")}, {"when", p.at("when")}, {"what", p.at("what")},
            {"order", p.at("order") == "asc" ? "client-first" : "server-first"}};
        std::string const text = fields.dump();
        reactor_judgement const j = run_program(text.substr(1, text.size() - 2));
        std::map<std::string_view, int> found;
        for (auto const& v : j.found) ++found[v.rule], ++broken[v.rule];
        if (!j.told.foot->signal.empty()) { // it still ran when it was killed: nothing is missing for good
            CHECK((found["finish-event-lost"] == 0 && found["timer-lost"] == 0));
            continue;
        }
        int lost = 0, dropped = 0, dead = 0;
        for (auto const& tx : outcome.at("tx")) lost += tx.at("request") == 1 && tx.at("finish") == 0;
        for (auto const& t : outcome.at("user_timers")) dropped += t.at("kind") == "oneshot" && t.at("fired") == 0;
        for (auto const& e : outcome.at("errors"))
            dead += e.get<std::string>().find("on an undefined value") != std::string::npos;
        CHECK(found["finish-event-lost"] == lost);
        CHECK(found["callback-after-destroy"] == dead);
        CHECK(std::ranges::count_if(j.found, [](auto const& v) {
            return v.rule == "timer-lost" && v.message.find("(U1)") != std::string::npos;
        }) == dropped);
        CHECK(found["finish-event-doubled"] == 0);
    }
    for (char const* rule : {"finish-event-lost", "timer-lost", "timer-after-destroy", "callback-after-destroy",
             "unhandled-exception-at-stop", "shutdown-hook-skipped", "loop-stopped-with-pending-work",
             "idle-connection-blocks-stop"}) {
        INFO(rule);
        CHECK(broken[rule] > 0);
    }
}
