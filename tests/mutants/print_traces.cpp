// print_traces SCENARIOS.jsonl: the traces of every built-in scenario and of those in the file, under every policy of
// their server, in the default order and in some others.
#include <fstream>
#include <iostream>
#include <random>
#include "repro/sim/execute.hpp"
#include "traces/format/jsonl.hpp"

using namespace shutdown_repro;

namespace {

std::vector<repro::scenario> scenarios(char const* file) {
    auto const builtin = repro::builtin_scenarios();
    std::vector<repro::scenario> all(builtin.begin(), builtin.end());
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) all.push_back(repro::scenario_from_text(line, file));
    return all;
}

std::vector<repro::scenario> every_policy(std::vector<repro::scenario> const& scenarios) {
    std::vector<repro::scenario> all;
    auto const add = [&](repro::scenario s, auto policies) {
        for (std::string_view const p : policies) {
            repro::set_field(s, "policy", p);
            all.push_back(s);
        }
    };
    for (repro::scenario const& s : scenarios)
        if (s.kind() == server::server_kind::scoped) add(s, server::words<server::policy>());
        else if (s.kind() == server::server_kind::reactor) add(s, server::words<server::reactor_policy>());
        else all.push_back(s);
    return all;
}

repro::schedule some_order(std::uint32_t seed) {
    std::mt19937 random(seed);
    repro::schedule s;
    if (seed) s.choices.resize(20);
    for (auto& c : s.choices) c = random() % 3;
    return s;
}

void print(traces::trace const& t) {
    std::string out;
    traces::write_header(out, t.head);
    for (auto const& e : t.events) traces::write_event(out, e);
    if (t.foot) traces::write_footer(out, *t.foot);
    std::cout << out;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: print_traces SCENARIOS.jsonl\n";
        return 2;
    }
    repro::simulator sim;
    traces::trace t;
    for (repro::scenario const& s : every_policy(scenarios(argv[1])))
        for (std::uint32_t seed = 0; seed < 10; ++seed) {
            repro::follow decide(some_order(seed));
            sim.run(s, decide, t);
            print(t);
        }
}
