#include "repro/target/target_trace.hpp"
#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <system_error>
#include "traces/format/jsonl.hpp"
#include "traces/join.hpp"

namespace shutdown_repro::repro {
namespace {

using traces::event;
using traces::ref;
using traces::seq_t;

// Returns PATH, if it exists, and then the files PATH.PID, sorted by name.
std::vector<std::string> files_of(std::string const& path) {
    std::vector<std::string> found;
    std::filesystem::path const wanted(path);
    std::error_code failed;
    for (auto const& entry :
        std::filesystem::directory_iterator(wanted.parent_path().empty() ? "." : wanted.parent_path(), failed))
        if (entry.path().filename().string().starts_with(wanted.filename().string() + "."))
            found.push_back(entry.path().string());
    std::ranges::sort(found);
    if (std::filesystem::exists(wanted, failed)) found.insert(found.begin(), path);
    return found;
}

// Keeps the events before an invalid line.
class collecting final : public traces::reader_events {
public:
    explicit collecting(traces::trace& into) : into_(into) {}
    void on_header(traces::header const& h) override { into_.head = h; }
    void on_event(event const& e) override { into_.append(e); }
    void on_footer(traces::footer const&) override {}

private:
    traces::trace& into_;
};

traces::trace read_one(std::string const& path) {
    traces::trace t;
    collecting into(t);
    try {
        t.problems = traces::read_stream(path, into).problems;
    } catch (traces::trace_error const& e) {
        t.problems.push_back("the trace of the target can't be read: " + std::string(e.what()));
    }
    std::erase(t.problems, traces::cut_short);
    return t;
}

// One file. Its events keep their numbers in the file and get new ones in the whole trace.
struct part {
    traces::trace of;
    std::array<std::uint32_t, traces::entity_count> before{}; // number of entities in the files before it
    std::vector<seq_t> renumbered;                            // new numbers of the events taken so far
    event const& front() const { return of.events[renumbered.size()]; }
    bool empty() const { return renumbered.size() == of.events.size(); }
};

ref moved(ref r, part const& p) {
    if (!r) return r;
    std::uint64_t const number = std::uint64_t{r.number} + p.before[static_cast<std::size_t>(r.type)];
    return {r.type, static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX))};
}

void see(std::array<std::uint32_t, traces::entity_count>& most, ref r) {
    if (r) most[static_cast<std::size_t>(r.type)] = std::max(most[static_cast<std::size_t>(r.type)], r.number);
}

void see_all(std::array<std::uint32_t, traces::entity_count>& most, event const& e) {
    for (ref const r : {e.id, e.parent, e.by}) see(most, r);
    for (traces::field const& f : e.detail) {
        see(most, f.val.is == traces::value::type::id ? f.val.id : ref{});
        if (f.val.is == traces::value::type::ids)
            for (ref const r : f.val.ids) see(most, r);
    }
}

void append_front(traces::trace& all, part& p) {
    event e = p.front();
    e.id = moved(e.id, p), e.parent = moved(e.parent, p), e.by = moved(e.by, p);
    std::vector<traces::field> detail(e.detail.begin(), e.detail.end());
    std::vector<std::vector<ref>> lists;
    lists.reserve(detail.size()); // fields view them
    for (traces::field& f : detail) {
        if (f.val.is == traces::value::type::id) f.val.id = moved(f.val.id, p);
        if (f.val.is != traces::value::type::ids) continue;
        std::vector<ref>& list = lists.emplace_back(f.val.ids.begin(), f.val.ids.end());
        for (ref& r : list) r = moved(r, p);
        f.val.ids = list;
    }
    std::vector<seq_t> because;
    for (seq_t const old : e.because) {
        auto const end = p.of.events.begin() + static_cast<std::ptrdiff_t>(p.renumbered.size());
        auto const found = std::ranges::lower_bound(p.of.events.begin(), end, old, {}, &event::seq);
        if (found == end || found->seq != old) continue;
        seq_t const now = p.renumbered[static_cast<std::size_t>(found - p.of.events.begin())];
        if (now != traces::no_seq) because.push_back(now);
    }
    e.detail = detail;
    e.because = because;
    e.seq = all.events.size();
    p.renumbered.push_back(e.seq);
    all.append(e);
}

} // namespace

traces::trace read_target_trace(std::string const& path, traces::trace const* beside) {
    traces::trace all;
    std::vector<part> parts;
    std::array<std::uint32_t, traces::entity_count> most{};
    if (beside)
        for (event const& e : beside->events) see_all(most, e);
    for (std::string const& file : files_of(path)) {
        part& p = parts.emplace_back(part{.of = read_one(file), .before = most, .renumbered = {}});
        all.problems.insert(all.problems.end(), p.of.problems.begin(), p.of.problems.end());
        std::istringstream groups(p.of.head.observes);
        for (std::string group; groups >> group;)
            if ((" " + all.head.observes + " ").find(" " + group + " ") == std::string::npos)
                all.head.observes += (all.head.observes.empty() ? "" : " ") + group;
        auto const base = p.before;
        for (event const& e : p.of.events) {
            std::array<std::uint32_t, traces::entity_count> here{};
            see_all(here, e);
            for (std::size_t i = 0; i < here.size(); ++i)
                if (here[i]) most[i] = std::max<std::uint32_t>(most[i], here[i] + base[i]);
        }
    }
    if (parts.empty())
        all.problems.push_back(
            "the target recorded no events (no file " + path + "); check that its adapter is loaded");
    for (;;) {
        part* next = nullptr;
        for (part& p : parts)
            if (!p.empty() && (!next || p.front().t < next->front().t)) next = &p;
        if (!next) return all;
        if (beside && next->front().id.type == traces::entity::client) next->renumbered.push_back(traces::no_seq);
        else append_front(all, *next);
    }
}

traces::trace with_target_trace(std::string const& path, traces::trace const& seen) {
    traces::trace const inside = read_target_trace(path, &seen);
    traces::trace all = join(inside, seen);
    all.head.observes = inside.head.observes + (inside.head.observes.empty() ? "" : " ");
    return all;
}

} // namespace shutdown_repro::repro
