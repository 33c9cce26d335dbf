#include "repro/steer/compare_steps.hpp"
#include "repro/steer/exactness.hpp"
#include "tests/catch.hpp"
#include "traces/recorder.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro::steer;

namespace {

traces::trace with_steps(std::vector<std::string> const& names) {
    traces::trace t;
    traces::nanoseconds const clock = 0;
    traces::recorder record(t, clock);
    for (std::string const& name : names)
        record.emit(traces::kind::process_step, {traces::entity::process, 1}, {}, {{"step", name}});
    return t;
}

traces::trace const one = with_steps({"client:1.read#1", "client:2.read#1", "client:1.write#1"}),
                    in_another_order = with_steps({"client:2.read#1", "client:1.read#1", "client:1.write#1"}),
                    with_another_step = with_steps({"client:1.read#1", "client:2.eof#1", "client:1.write#1"});

} // namespace

TEST_CASE("exactness tells the order of all steps from the steps of each connection") {
    exactness e;
    for (traces::trace const* t : {&one, &one, &in_another_order}) e.add(*t);
    CHECK(e.equal_in_all() == 2);
    CHECK(e.equal_by_connection() == 3);
    CHECK(e.in_words() == "all steps equal in 2 of 3 executions, those of each connection in 3 of 3 executions");
    e.add(with_another_step);
    CHECK(e.equal_by_connection() == 3);
}

TEST_CASE("steps that find nothing do not count for exactness") {
    exactness e;
    e.add(one);
    e.add(with_steps({"client:1.read#1", "client:1.read-again#1", "client:2.read#1", "client:1.write#1"}));
    CHECK(e.equal_in_all() == 2);
}

TEST_CASE("the comparison of steps names the connection and both steps") {
    CHECK_FALSE(difference_by_connection(one, in_another_order));
    auto const order = difference_in_all(one, in_another_order);
    REQUIRE(order);
    CHECK(order->recorded == "client:1.read#1");
    CHECK(order->again == "client:2.read#1");
    auto const d = difference_by_connection(one, with_another_step);
    REQUIRE(d);
    CHECK(d->of == "client:2");
    CHECK(d->recorded == "client:2.read#1");
    CHECK(d->again == "client:2.eof#1");
    auto const shorter = difference_by_connection(one, with_steps({"client:1.read#1", "client:2.read#1"}));
    REQUIRE(shorter);
    CHECK(shorter->again == "");
}
