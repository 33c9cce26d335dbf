#include "traces/views/stats.hpp"
#include <algorithm>
#include "traces/phrases/actors.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_waits = 5, most_actors = 8;
constexpr std::size_t stats_title = 12;

std::string share(std::uint64_t n, std::uint64_t of) {
    std::uint64_t const tenths = of ? n * 1000 / of : 0;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

} // namespace

void stats::on_event(event const& e) {
    if (events_++ == 0) first_ = e.t;
    last_ = e.t;
    ++kinds_[std::string(kind_text(e))];
    if (e.by) ++acted_[e.by];
    if (std::string name = name_given(e); !name.empty() && e.id.type == entity::coroutine)
        names_[e.id] = std::move(name);
    switch (e.what) {
    case kind::coroutine_spawn: begin(coroutines_, e); break;
    case kind::coroutine_suspend: waiting_[e.id] = {e.t, e.seq, to_string(e.id), printable(e.text("on")), true}; break;
    case kind::coroutine_resume:
        wait_ends(e.id, e.t, true, longest_);
        waiting_.erase(e.id);
        break;
    case kind::coroutine_remove:
        end(coroutines_, e);
        waiting_.erase(e.id);
        break;
    case kind::request_begin: begin(requests_, e); break;
    case kind::request_finish: end(requests_, e); break;
    default: break;
    }
}

void stats::begin(lives& of, event const& e) { of.open[e.id] = {e.t, name_given(e)}; }

void stats::end(lives& of, event const& e) {
    auto const at = of.open.find(e.id);
    if (at == of.open.end()) return;
    of.ended.push_back(elapsed(at->second.since, e.t));
    of.open.erase(at);
}

void stats::wait_ends(ref who, nanoseconds now, bool over, std::vector<wait>& longest) const {
    auto const at = waiting_.find(who);
    if (at == waiting_.end()) return;
    wait w = at->second;
    w.lasted = elapsed(w.lasted, now);
    w.over = over;
    auto const place = std::find_if(longest.begin(), longest.end(),
        [&](wait const& x) { return x.lasted < w.lasted || (x.lasted == w.lasted && x.from > w.from); });
    if (place == longest.end() && longest.size() == most_waits) return;
    if (auto const name = names_.find(who); name != names_.end()) w.who += " (" + name->second + ")";
    longest.insert(place, std::move(w));
    if (longest.size() > most_waits) longest.pop_back();
}

std::string stats::text(text_style style) const {
    return counts(style) + lifetimes("coroutines", coroutines_, style) + lifetimes("requests", requests_, style) +
        waits(style) + actors(style);
}

std::string stats::counts(text_style style) const {
    std::vector<std::pair<std::string, std::uint64_t>> all(kinds_.begin(), kinds_.end());
    std::stable_sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.second > b.second; });
    std::size_t wide = 0, digits = std::to_string(all.empty() ? 0 : all.front().second).size();
    for (auto const& [name, n] : all) wide = std::max(wide, std::min(std::size_t{30}, columns(printable(name))));
    std::string out = paint(style, tint::faint, pad("events", stats_title)) + counted(events_, "event") + " of " +
        counted(all.size(), "kind") + " in " + duration(elapsed(first_, last_)) + "\n";
    for (auto const& [name, n] : all)
        out += std::string(stats_title, ' ') + pad(fit(printable(name), wide), wide) + "  " +
            pad_left(std::to_string(n), digits) + "  " + paint(style, tint::faint, pad_left(share(n, events_), 7)) +
            "\n";
    return out;
}

std::string stats::lifetimes(std::string_view of, lives const& all, text_style style) const {
    if (all.ended.empty() && all.open.empty()) return {};
    std::string text =
        std::to_string(all.ended.size() + all.open.size()) + ", " + std::to_string(all.ended.size()) + " ended";
    if (!all.ended.empty()) {
        std::vector<nanoseconds> sorted = all.ended;
        std::sort(sorted.begin(), sorted.end());
        text += ": shortest " + duration(sorted.front()) + ", median " + duration(sorted[sorted.size() / 2]) +
            ", longest " + duration(sorted.back());
    }
    std::string out = paint(style, tint::faint, pad(of, stats_title)) + wrap(text, style.width, stats_title) + "\n";
    if (all.open.empty()) return out;
    std::vector<std::pair<ref, life>> open(all.open.begin(), all.open.end());
    std::sort(open.begin(), open.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    std::string list;
    for (std::size_t i = 0; i < std::min(open.size(), most_actors); ++i)
        list += (i ? ", " : "") + to_string(open[i].first) +
            (open[i].second.name.empty() ? "" : " (" + open[i].second.name + ")");
    if (open.size() > most_actors) list += " and " + std::to_string(open.size() - most_actors) + " more";
    return out + std::string(stats_title, ' ') + wrap("never ended: " + list, style.width, stats_title) + "\n";
}

std::string stats::waits(text_style style) const {
    std::vector<wait> longest = longest_;
    std::vector<ref> still;
    for (auto const& [who, w] : waiting_) still.push_back(who);
    std::sort(still.begin(), still.end());
    for (ref who : still) wait_ends(who, last_, false, longest);
    std::string out;
    for (wait const& w : longest) {
        std::string const text = pad_left(duration(w.lasted), 8) + "  " + w.who + (w.on.empty() ? "" : " on " + w.on) +
            " from #" + std::to_string(w.from) + (w.over ? "" : ", never resumed");
        out += paint(style, tint::faint, pad(out.empty() ? "waited" : "", stats_title)) +
            fit(text, style.width > stats_title ? style.width - stats_title : 0) + "\n";
    }
    return out;
}

std::string stats::actors(text_style style) const {
    std::vector<std::pair<ref, std::uint64_t>> all(acted_.begin(), acted_.end());
    std::sort(all.begin(), all.end(),
        [](auto const& a, auto const& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
    std::string out;
    for (std::size_t i = 0; i < std::min(all.size(), most_actors); ++i) {
        auto const name = names_.find(all[i].first);
        std::string const who = to_string(all[i].first) + (name == names_.end() ? "" : " (" + name->second + ")");
        out += paint(style, tint::faint, pad(i ? "" : "acted", stats_title)) +
            fit(pad_left(std::to_string(all[i].second), 8) + "  " + who,
                style.width > stats_title ? style.width - stats_title : 0) +
            "\n";
    }
    if (all.size() > most_actors)
        out += std::string(stats_title, ' ') + "and " + std::to_string(all.size() - most_actors) + " more\n";
    return out;
}

} // namespace shutdown_repro::traces
