// Measures the cost of inspecting a long trace relative to reading it: the ratio is reliable on a noisy machine.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <unistd.h>
#include "traces/exports/exports.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/recorder.hpp"
#include "traces/rules/rule.hpp"
#include "traces/views/filter.hpp"
#include "traces/views/pages.hpp"
#include "traces/views/stats.hpp"

using namespace shutdown_repro::traces;

namespace {

constexpr int rounds = 1'000'000 / 10;

// Requests that begin and end: a million events, with few live actors at a time.
std::string const& long_trace() {
    static std::string const path = [] {
        std::string name = std::filesystem::temp_directory_path() / "bench-inspect-XXXXXX";
        int const fd = mkstemp(name.data());
        if (fd < 0) std::abort();
        ::close(fd);
        file_sink to(name);
        nanoseconds clock = 0;
        recorder record(to, clock);
        to.head({});
        ref const server = record.fresh(entity::server), root = record.fresh(entity::scope);
        for (int i = 0; i < rounds; ++i) {
            clock += 1234567;
            ref const request = record.fresh(entity::request), scope = record.fresh(entity::scope),
                      handler = record.fresh(entity::coroutine);
            record.emit(kind::request_begin, request, server, {{"method", "GET"}, {"path", "/2"}});
            record.emit(kind::scope_open, scope, root, {{"name", "request"}, {"mode", "safe"}});
            record.emit(kind::coroutine_spawn, handler, scope, {{"name", "handler of GET /2"}});
            recorder::acting const acts(record, handler);
            record.emit(kind::coroutine_start, handler);
            recorder::because_of const cause(
                record, record.emit(kind::coroutine_suspend, handler, {}, {{"on", "delay"}, {"ms", 60}}));
            record.emit(kind::coroutine_resume, handler, {}, {{"with", "value"}});
            record.emit(kind::coroutine_finish, handler, scope, {{"result", "completed"}});
            record.emit(kind::request_finish, request, {}, {{"result", "answered"}, {"status", 200}});
            record.emit(kind::coroutine_remove, handler, scope);
            record.emit(kind::scope_disposed, scope, root);
        }
        footer foot;
        foot.events = record.next();
        to.foot(foot);
        return name;
    }();
    static struct gone {
        ~gone() { ::unlink(path.c_str()); }
    } const at_the_end;
    return path;
}

struct each final : reader_events {
    explicit each(std::function<void(event const&)> f) : does(std::move(f)) {}
    void on_header(header const&) override {}
    void on_event(event const& e) override { does(e); }
    void on_footer(footer const&) override {}
    std::function<void(event const&)> does;
};

void look_at(benchmark::State& state, std::function<void(event const&)> does) {
    each to(std::move(does));
    for (auto _ : state) read_stream(long_trace(), to);
    state.SetItemsProcessed(state.iterations() * rounds * 10);
}

void read_alone(benchmark::State& state) {
    look_at(state, [](event const& e) { benchmark::DoNotOptimize(e.seq); });
}
BENCHMARK(read_alone)->Unit(benchmark::kMillisecond);

void judge(benchmark::State& state) {
    rule_run rules;
    look_at(state, [&](event const& e) {
        if (e.seq == 0) rules.reset();
        rules.put(e);
    });
}
BENCHMARK(judge)->Unit(benchmark::kMillisecond);

void filter_only(benchmark::State& state) {
    filter which("under scope:77 or by coroutine:9* and not time ..500");
    look_at(state, [&](event const& e) {
        if (e.seq == 0) which.restart();
        benchmark::DoNotOptimize(which.fits(e));
    });
}
BENCHMARK(filter_only)->Unit(benchmark::kMillisecond);

// Both passes over the trace, as in inspect.
void timeline_rows(benchmark::State& state) {
    std::size_t bytes = 0;
    for (auto _ : state) {
        timeline_page page({});
        each survey([&](event const& e) { page.survey(e, true); });
        read_stream(long_trace(), survey);
        bytes += page.heading({}).size();
        each rows([&](event const& e) { bytes += page.row(e, true).size(); });
        read_stream(long_trace(), rows);
    }
    state.SetItemsProcessed(state.iterations() * rounds * 10);
    benchmark::DoNotOptimize(bytes);
}
BENCHMARK(timeline_rows)->Unit(benchmark::kMillisecond);

void figures(benchmark::State& state) {
    for (auto _ : state) {
        stats all;
        each count([&](event const& e) { all.on_event(e); });
        read_stream(long_trace(), count);
        benchmark::DoNotOptimize(all.text({}));
    }
    state.SetItemsProcessed(state.iterations() * rounds * 10);
}
BENCHMARK(figures)->Unit(benchmark::kMillisecond);

void export_as(benchmark::State& state, std::string_view format) {
    std::size_t bytes = 0;
    for (auto _ : state) {
        auto const it = find_export_format(format)->make({}, [&](std::string_view text) { bytes += text.size(); });
        each feed([&](event const& e) { it->on_event(e); });
        read_stream(long_trace(), feed);
        it->finish();
    }
    state.SetItemsProcessed(state.iterations() * rounds * 10);
    benchmark::DoNotOptimize(bytes);
}
BENCHMARK_CAPTURE(export_as, chrome, "chrome")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(export_as, otlp, "otlp")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(export_as, dot, "dot")->Unit(benchmark::kMillisecond);

} // namespace
