// Measures search power: the number of executions of a strategy up to the first hit, the median over 20 seeds. These
// are counts, not times, and the same on every machine.
//
// First six shapes of shutdown bugs on 16 requests of 8 steps: what matters is how far each request is at stop and at
// free. A hit is the shape itself, on a server without a fault, so that the figure is about the search alone. Then the
// public reports on the servers that have them. (The mutants' figures are printed by their own program, bench_mutants.)
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>
#include "repro/explore/explore.hpp"
#include "repro/explore/strategy.hpp"
#include "repro/sim/execute.hpp"

using namespace shutdown_repro;

namespace {

constexpr std::uint32_t seeds = 20, requests = 16, steps = 8;
constexpr std::uint64_t most = 20'000;

// Derives the progress of each request from events of its handler: 0 not begun, 1 to steps in a wait, steps + 1
// answered.
class progress final : public traces::sink {
public:
    std::vector<std::uint32_t> at_stop, at_free;

    void begin() {
        now_.assign(requests + 1, 0);
        at_stop.clear();
        at_free.clear();
        request_of_.clear();
    }
    void put(traces::event const& e) override {
        using traces::kind;
        switch (e.what) {
        case kind::coroutine_spawn: {
            std::string_view const name = e.text("name");
            request_of_.resize(std::max<std::size_t>(request_of_.size(), e.id.number + 1));
            if (name.starts_with("handler of GET /"))
                std::from_chars(name.data() + 16, name.data() + name.size(), request_of_[e.id.number]);
            break;
        }
        case kind::coroutine_suspend:
            if (e.id.number < request_of_.size() && request_of_[e.id.number]) ++now_[request_of_[e.id.number]];
            break;
        case kind::request_respond: now_[e.id.number] = steps + 1; break;
        case kind::act_stop:
            if (at_stop.empty()) at_stop = now_;
            break;
        case kind::act_free:
            if (at_free.empty()) at_free = now_;
            break;
        default: break;
        }
    }

private:
    std::vector<std::uint32_t> now_, request_of_;
};

struct shape {
    char const* what;
    std::function<bool(progress const&)> hit;
};

bool waits(std::uint32_t p) { return p >= 1 && p <= steps; }
bool over(std::uint32_t p) { return p > steps; }

std::vector<shape> shapes() {
    auto const count = [](std::vector<std::uint32_t> const& p, bool (*is)(std::uint32_t)) {
        return std::count_if(p.begin() + 1, p.end(), is);
    };
    return {
        {"one in flight at free, another over before stop",
            [=](progress const& p) { return count(p.at_free, waits) > 0 && count(p.at_stop, over) > 0; }},
        {"one in its last wait at stop and at free",
            [](progress const& p) {
                for (std::uint32_t r = 1; r <= requests; ++r)
                    if (p.at_stop[r] == steps && p.at_free[r] == steps) return true;
                return false;
            }},
        {"the last one in its last wait at stop and at free",
            [](progress const& p) { return p.at_stop[requests] == steps && p.at_free[requests] == steps; }},
        {"all over at stop but one that has not begun",
            [=](progress const& p) { return count(p.at_stop, over) == requests - 1 && count(p.at_stop, waits) == 0; }},
        {"the first ends between stop and free, the last is halfway at both",
            [](progress const& p) {
                return !over(p.at_stop[1]) && over(p.at_free[1]) && p.at_stop[requests] == steps / 2 &&
                    p.at_free[requests] == steps / 2;
            }},
        {"all over at free but one that is halfway since stop",
            [=](progress const& p) {
                if (count(p.at_free, over) != requests - 1) return false;
                for (std::uint32_t r = 1; r <= requests; ++r)
                    if (p.at_free[r] == steps / 2 && p.at_stop[r] == steps / 2) return true;
                return false;
            }},
    };
}

repro::scenario many_steps() {
    repro::scenario s = repro::with_open_acts(repro::load_scenario("scope-disposal"));
    for (auto const& [key, value] : {std::pair("stop", "any"), {"policy", "drained"}, {"requests", "16"},
             {"handlers", R"([{"act":"park","steps":8}])"}, {"together", "false"}})
        repro::set_field(s, key, value);
    return s;
}

std::uint64_t to_first_hit(repro::scenario const& s, repro::terrain const& ground, std::string_view strategy,
    std::uint64_t seed, shape const& wanted) {
    auto const how = repro::find_strategy(strategy)->make(ground, seed, {});
    repro::simulator sim;
    progress seen;
    for (std::uint64_t n = 0; n < most && how->begin(n); ++n) {
        seen.begin();
        sim.run(s, *how, seen);
        if (!seen.at_stop.empty() && !seen.at_free.empty() && wanted.hit(seen)) return n + 1;
    }
    return most + 1;
}

std::uint64_t to_first_violation(
    repro::scenario const& s, std::string_view strategy, std::uint64_t seed, std::string_view rule) {
    repro::explore_options how;
    how.strategy = strategy;
    how.executions = 1'000;
    how.seed = seed;
    std::atomic<bool> const never = false;
    auto const found = repro::explore(s, how, never);
    for (auto const& f : found.findings)
        if (f.rule == rule) return f.first;
    return most + 1;
}

template <class measure> std::string median(measure const& m) {
    std::vector<std::uint64_t> all;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) all.push_back(m(seed));
    std::nth_element(all.begin(), all.begin() + seeds / 2, all.end());
    std::uint64_t const middle = all[seeds / 2];
    return middle > most ? "> " + std::to_string(most) : std::to_string(middle);
}

} // namespace

int main() {
    constexpr std::string_view drawn[] = {"phase", "pct", "random"};
    std::printf(
        "median executions to the first hit, %u seeds, %u requests of %u steps\n%-68s", seeds, requests, steps, "");
    for (std::string_view const d : drawn) std::printf("%10s", std::string(d).c_str());
    repro::scenario const s = many_steps();
    repro::terrain const ground = repro::survey(s);
    for (shape const& wanted : shapes()) {
        std::printf("\n%-68s", wanted.what);
        for (std::string_view const d : drawn) {
            std::printf(
                "%10s", median([&](std::uint64_t seed) { return to_first_hit(s, ground, d, seed, wanted); }).c_str());
            std::fflush(stdout);
        }
    }
    std::printf("\n\nmedian executions to the public reports' violations, as reported, %u seeds\n%-68s", seeds, "");
    for (std::string_view const d : {"auto", "sweep", "phase", "pct", "random"})
        std::printf("%10s", std::string(d).c_str());
    for (auto const& [name, rule] : {std::pair("scope-disposal", "scope-disposed-nonempty"),
             std::pair("scope-disposal-on-free", "scope-disposed-nonempty"),
             std::pair("lost-finish", "finish-event-lost"), std::pair("lost-timer", "timer-lost")}) {
        std::printf("\n%-68s", (std::string(name) + ": " + rule).c_str());
        repro::scenario const report = repro::with_open_acts(repro::load_scenario(name));
        for (std::string_view const d : {"auto", "sweep", "phase", "pct", "random"})
            std::printf(
                "%10s", median([&](std::uint64_t seed) { return to_first_violation(report, d, seed, rule); }).c_str());
    }
    std::printf("\n");
}
