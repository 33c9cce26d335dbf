// The rules against the oracle, which reads their sentences literally, on drawn traces. SHUTDOWN_REPRO_DRAWN_TRACES is
// the number of traces, SHUTDOWN_REPRO_DRAWN_FROM the first seed.
#include <cstdlib>
#include <map>
#include "tests/catch.hpp"
#include "tests/traces/rules/generator.hpp"
#include "tests/traces/rules/oracle.hpp"
#include "tests/traces/rules/run_generator.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

std::uint64_t number_in(char const* variable, std::uint64_t otherwise) {
    char const* const text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::set<std::string> reported_in(trace const& t, bool complete, rule_run& run) {
    run.reset();
    for (event const& e : t.events) run.put(e);
    run.finish(complete);
    std::set<std::string> found;
    for (violation const& v : run.violations()) {
        std::string const rule(v.rule);
        if (rules_of_oracle().contains(rule)) found.insert(rule + " " + to_string(v.subject));
        if (v.level > find_rule(v.rule)->level) found.insert(rule + ", an error " + to_string(v.subject));
    }
    return found;
}

std::string only_in(std::set<std::string> const& a, std::set<std::string> const& b) {
    std::string out;
    for (std::string const& s : a)
        if (!b.contains(s)) out += (out.empty() ? "" : ", ") + s;
    return out.empty() ? "nothing" : out;
}

bool differ(trace const& t, bool complete, rule_run& run) {
    return reported_in(t, complete, run) != expected_violations(t, complete);
}

// Leaves out events as long as the rules and the oracle differ.
trace smallest(trace const& from, bool complete, rule_run& run) {
    trace best;
    for (event const& e : from.events) best.append(e);
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (std::size_t without = 0; without < best.events.size(); ++without) {
            trace less;
            for (std::size_t i = 0; i < best.events.size(); ++i) {
                if (i == without) continue;
                event e = best.events[i];
                e.seq = less.events.size();
                less.append(e);
            }
            if (!differ(less, complete, run)) continue;
            best = std::move(less);
            smaller = true;
            break;
        }
    }
    return best;
}

std::string in_lines(trace const& t) {
    std::string out;
    for (event const& e : t.events) write_event(out, e);
    return out;
}

// How often each rule was expected.
using expectations = std::map<std::string, std::size_t>;

template <class Generator> expectations compare_drawn(std::uint64_t traces) {
    std::uint64_t const from = number_in("SHUTDOWN_REPRO_DRAWN_FROM", 1);
    rule_run run;
    expectations times;
    for (std::uint64_t seed = from; seed < from + traces; ++seed) {
        trace const t = Generator(seed).draw();
        for (bool const complete : {true, false}) {
            std::set<std::string> const expected = expected_violations(t, complete);
            for (std::string const& v : expected) ++times[v.substr(0, v.rfind(' '))];
            if (reported_in(t, complete, run) == expected) continue;
            trace const small = smallest(t, complete, run);
            std::set<std::string> const found = reported_in(small, complete, run),
                                        wanted = expected_violations(small, complete);
            INFO("seed " << seed << (complete ? "" : ", incomplete") << "\n"
                         << in_lines(small) << "only the rules: " << only_in(found, wanted)
                         << "\nonly the oracle: " << only_in(wanted, found));
            FAIL("the rules and the oracle differ");
        }
    }
    return times;
}

// A rule that is never broken in drawn traces is not compared.
void check_that_each_was_broken(expectations const& times, std::set<std::string> const& rules, std::uint64_t traces) {
    for (std::string const& rule : rules) {
        INFO(rule);
        CHECK((times.contains(rule) ? times.at(rule) : 0) > traces / 1000);
    }
}

} // namespace

TEST_CASE("the rules report what their sentences say in drawn traces of several servers, loops, scopes and processes") {
    std::uint64_t const traces = number_in("SHUTDOWN_REPRO_DRAWN_TRACES", 1500);
    check_that_each_was_broken(compare_drawn<trace_generator>(traces), rules_of_oracle(rule_family::inside), traces);
}

TEST_CASE("the rules report what their sentences say in drawn runs of servers with clients and processes") {
    std::uint64_t const traces = number_in("SHUTDOWN_REPRO_DRAWN_TRACES", 4000);
    check_that_each_was_broken(compare_drawn<run_generator>(traces), rules_of_oracle(rule_family::outside), traces);
}

TEST_CASE("the oracle knows every rule") {
    for (rule_info const& r : all_rules()) {
        INFO(r.id);
        CHECK(rules_of_oracle().contains(std::string(r.id)));
    }
}
