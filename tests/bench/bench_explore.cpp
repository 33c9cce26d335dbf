// Measures the speed of exploration: executions per second with every rule and without serialization, for one and two
// threads; instructions per execution, where the kernel counts them; and the memory of a million executions.
#include <benchmark/benchmark.h>
#include <fstream>
#include <linux/perf_event.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "repro/explore/explore.hpp"

using namespace shutdown_repro;

namespace {

// Counts instructions of this process and its threads.
class instructions {
public:
    instructions() {
        perf_event_attr wanted{};
        wanted.size = sizeof wanted;
        wanted.type = PERF_TYPE_HARDWARE;
        wanted.config = PERF_COUNT_HW_INSTRUCTIONS;
        wanted.exclude_kernel = wanted.exclude_hv = wanted.inherit = 1;
        fd_ = static_cast<int>(syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0));
    }
    ~instructions() {
        if (fd_ >= 0) close(fd_);
    }
    instructions(instructions const&) = delete;
    double so_far() const { // 0 when the kernel does not count
        std::uint64_t n = 0;
        return fd_ >= 0 && read(fd_, &n, sizeof n) == sizeof n ? static_cast<double>(n) : 0;
    }

private:
    int fd_ = -1;
};

repro::scenario load(std::string const& requests, std::string const& steps) {
    repro::scenario s = repro::with_open_acts(repro::load_scenario("scope-disposal"));
    for (auto const& [key, value] : {std::pair<std::string, std::string>{"stop", "any"}, {"policy", "drained"},
             {"requests", requests}, {"handlers", R"([{"act":"park","steps":)" + steps + "}]"}})
        repro::set_field(s, key, value);
    return s;
}

void explored(
    benchmark::State& state, std::string const& requests, std::string const& steps, std::string const& strategy) {
    repro::scenario const s = load(requests, steps);
    std::atomic<bool> const never = false;
    repro::explore_options how;
    how.strategy = strategy;
    how.executions = requests == "2" ? 50'000 : 5'000;
    how.jobs = static_cast<std::uint32_t>(state.range(0));
    instructions const counted;
    double const before = counted.so_far();
    for (auto _ : state) {
        auto const e = repro::explore(s, how, never);
        if (e.violating) state.SkipWithError("drained violates");
    }
    double const executions = static_cast<double>(state.iterations()) * static_cast<double>(how.executions);
    state.SetItemsProcessed(static_cast<std::int64_t>(executions));
    if (double const n = counted.so_far() - before; n > 0) state.counters["instructions"] = n / executions;
}
BENCHMARK_CAPTURE(explored, 2_requests_of_2_steps_random, "2", "2", "random")
    ->ArgName("jobs")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(explored, 2_requests_of_2_steps_exhaustive, "2", "2", "exhaustive")
    ->ArgName("jobs")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(explored, 16_requests_of_8_steps_random, "16", "8", "random")
    ->ArgName("jobs")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(explored, 16_requests_of_8_steps_phase, "16", "8", "phase")
    ->ArgName("jobs")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Resident memory after 100,000 executions and after a million more.
double resident_mib() {
    std::ifstream status("/proc/self/statm");
    double total = 0, resident = 0;
    status >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void memory_of_a_million(benchmark::State& state) {
    repro::scenario const s = load("2", "2");
    std::atomic<bool> const never = false;
    repro::explore_options how;
    how.strategy = "random";
    for (auto _ : state) {
        how.executions = 100'000;
        repro::explore(s, how, never);
        double const before = resident_mib();
        how.executions = 1'000'000;
        how.seed = 2;
        repro::explore(s, how, never);
        state.counters["MiB_before"] = before;
        state.counters["MiB_after"] = resident_mib();
    }
}
BENCHMARK(memory_of_a_million)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

} // namespace
