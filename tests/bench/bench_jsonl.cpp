// Measures events per second of the trace format, and of nlohmann/json with the same lines in the same run: the ratio
// is reliable on a noisy machine, the times are not.
#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>
#include "traces/format/jsonl.hpp"
#include "traces/recorder.hpp"

using namespace shutdown_repro::traces;

namespace {

// The lifecycle of a handler in a canceled scope, over and over: the mixture of kinds that a drained server records.
trace typical(int rounds) {
    trace t;
    nanoseconds clock = 0;
    recorder record(t, clock);
    ref const server = record.fresh(entity::server), root = record.fresh(entity::scope);
    t.head.world = "sim";
    record.emit(kind::server_open, server, {}, {{"policy", "drained"}, {"name", "scoped server"}});
    for (int i = 0; i < rounds; ++i) {
        clock += 1234567;
        ref const connection = record.fresh(entity::connection), request = record.fresh(entity::request);
        ref const scope = record.fresh(entity::scope), handler = record.fresh(entity::coroutine);
        record.emit(kind::connection_open, connection, server);
        record.emit(kind::connection_read, connection, {}, {{"bytes", 78}});
        record.emit(kind::request_begin, request, connection, {{"method", "GET"}, {"path", "/2"}});
        record.emit(kind::scope_open, scope, root, {{"name", "request"}, {"mode", "safe"}, {"object", false}});
        record.emit(kind::coroutine_spawn, handler, scope, {{"name", "handler of GET /2"}});
        record.emit(kind::coroutine_start, handler);
        recorder::acting const acts(record, handler);
        record.emit(kind::coroutine_suspend, handler, {}, {{"on", "delay"}, {"ms", 60}});
        recorder::because_of const cause(record, record.emit(kind::scope_cancel, scope, {}, {{"mode", "safe"}}));
        record.emit(kind::scope_cancelled, scope);
        record.emit(kind::coroutine_resume, handler, {}, {{"with", "cancellation"}});
        record.emit(kind::coroutine_finish, handler, {}, {{"result", "cancelled"}, {"error", ""}});
        ref const live[] = {handler};
        record.emit(kind::scope_dispose, scope, root, {{"refs", 1}, {"live", std::span<ref const>(live)}});
        record.emit(kind::coroutine_remove, handler, scope);
        record.emit(kind::request_finish, request, {}, {{"result", "answered"}, {"status", 200}});
    }
    t.foot.emplace().events = t.events.size();
    return t;
}

trace const& sample() {
    static trace const t = typical(5000);
    return t;
}

std::string const& sample_text() {
    static std::string const text = [] {
        std::string out;
        write_header(out, sample().head);
        for (event const& e : sample().events) write_event(out, e);
        write_footer(out, *sample().foot);
        return out;
    }();
    return text;
}

struct nothing final : reader_events {
    void on_header(header const&) override {}
    void on_event(event const& e) override { benchmark::DoNotOptimize(e.seq); }
    void on_footer(footer const&) override {}
};

void count_events(benchmark::State& state, std::size_t bytes) {
    auto const rounds = static_cast<std::int64_t>(state.iterations());
    state.SetItemsProcessed(rounds * static_cast<std::int64_t>(sample().events.size()));
    state.SetBytesProcessed(rounds * static_cast<std::int64_t>(bytes));
}

void append(benchmark::State& state) {
    trace t;
    for (auto _ : state) {
        t.clear();
        for (event const& e : sample().events) t.append(e);
    }
    count_events(state, 0);
}
BENCHMARK(append);

void write_ours(benchmark::State& state) {
    std::string out;
    for (auto _ : state) {
        out.clear();
        for (event const& e : sample().events) write_event(out, e);
        benchmark::DoNotOptimize(out.data());
    }
    count_events(state, out.size());
}
BENCHMARK(write_ours);

// What a generic writer would do: build a document for each event and dump it.
void write_nlohmann(benchmark::State& state) {
    std::size_t bytes = 0;
    for (auto _ : state) {
        std::string out;
        for (event const& e : sample().events) {
            nlohmann::ordered_json line{{"seq", e.seq}, {"t", e.t}, {"kind", name_of(e.what)}};
            if (e.id) line["id"] = to_string(e.id);
            if (e.parent) line["parent"] = to_string(e.parent);
            if (e.by) line["by"] = to_string(e.by);
            if (!e.because.empty()) line["because"] = std::vector<seq_t>(e.because.begin(), e.because.end());
            for (field const& f : e.detail) {
                nlohmann::ordered_json& to = line["detail"][std::string(f.key)];
                if (f.val.is == value::type::integer) to = f.val.integer;
                else if (f.val.is == value::type::boolean) to = f.val.integer != 0;
                else if (f.val.is == value::type::text) to = f.val.text;
                else
                    for (ref r : f.val.ids) to.push_back(to_string(r));
            }
            out += line.dump();
            out += '\n';
        }
        benchmark::DoNotOptimize(out.data());
        bytes = out.size();
    }
    count_events(state, bytes);
}
BENCHMARK(write_nlohmann);

void read_ours(benchmark::State& state) {
    nothing to;
    for (auto _ : state) read_text(sample_text(), "bench", to);
    count_events(state, sample_text().size());
}
BENCHMARK(read_ours);

// Only parses; looks up nothing in the documents.
void read_nlohmann(benchmark::State& state) {
    std::string_view const text = sample_text();
    for (auto _ : state)
        for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1)
            benchmark::DoNotOptimize(nlohmann::json::parse(text.substr(at, end - at)));
    count_events(state, text.size());
}
BENCHMARK(read_nlohmann);

// Valid lines that are not in the form that this program writes.
void read_any_line(benchmark::State& state) {
    std::string spaced;
    for (char c : sample_text()) (spaced += c) += c == '{' ? " " : "";
    nothing to;
    for (auto _ : state) read_text(spaced, "bench", to);
    count_events(state, spaced.size());
}
BENCHMARK(read_any_line);

} // namespace
