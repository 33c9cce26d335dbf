// A log for ShiViz. Its first two lines tell ShiViz how to parse the rest. Each event has two lines: its text, and its
// host with a vector clock. A host is an actor. An event happens after the previous event of its actor, after the
// latest event of the actor that caused it ("by"), and after its causes.
#include <unordered_map>
#include <vector>
#include "traces/exports/exports.hpp"
#include "traces/exports/json_line.hpp"
#include "traces/exports/moments.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

// A clock has an entry for each actor, so the log grows with actors times events. ShiViz can draw far fewer actors.
constexpr std::size_t most_events = 20'000, most_actors = 250;

constexpr std::string_view head = R"((?<event>.*)\n(?<host>\S*) (?<clock>{.*}))"
                                  "\n\n";

using vector_clock = std::vector<std::uint32_t>; // by the number of the host, up to the last host that it knows of

void join(vector_clock& into, vector_clock const& other) {
    if (into.size() < other.size()) into.resize(other.size());
    for (std::size_t i = 0; i < other.size(); ++i) into[i] = std::max(into[i], other[i]);
}

class shiviz final : public exporter {
public:
    explicit shiviz(text_sink to) : to_(std::move(to)) { to_(head); }

    void on_event(event const& e) override {
        ref const who = lane_of(e);
        if (!who) return;
        if (++events_ > most_events) too_many(std::to_string(most_events) + " events");
        std::size_t const host = host_of(who);
        vector_clock now = latest_[host];
        if (auto const actor = hosts_.find(e.by); actor != hosts_.end()) join(now, latest_[actor->second]);
        for (seq_t why : e.because)
            if (std::size_t const* cause = place_.find(why)) join(now, clocks_[*cause]);
        if (now.size() <= host) now.resize(host + 1);
        now[host] = (latest_[host].size() > host ? latest_[host][host] : 0) + 1;
        to_(line(e, who, now));
        place_.add(e.seq, clocks_.size());
        clocks_.push_back(now);
        latest_[host] = std::move(now);
    }
    void finish() override {}

private:
    std::size_t host_of(ref who) {
        auto const [at, fresh] = hosts_.try_emplace(who, names_.size());
        if (fresh) {
            if (names_.size() == most_actors) too_many(std::to_string(most_actors) + " actors");
            names_.push_back(to_string(who));
            latest_.emplace_back();
        }
        return at->second;
    }
    [[noreturn]] static void too_many(std::string const& what) {
        throw trace_error("a ShiViz log of more than " + what + " can't be drawn; choose fewer with --filter");
    }
    std::string line(event const& e, ref who, vector_clock const& now) const {
        json_line clock;
        clock.raw("{");
        for (std::size_t i = 0; i < now.size(); ++i)
            if (now[i]) clock.number(names_[i], now[i]);
        return "#" + std::to_string(e.seq) + " " + printable(kind_text(e)) + ": " + phrase(e) + "\n" + to_string(who) +
            " " + clock.raw("}").text() + "\n";
    }

    text_sink to_;
    std::size_t events_ = 0;
    std::unordered_map<ref, std::size_t> hosts_;
    std::vector<std::string> names_;
    std::vector<vector_clock> latest_, clocks_; // of each host; of each event
    by_number<std::size_t> place_;              // in clocks_
};

} // namespace

std::unique_ptr<exporter> export_shiviz(header const&, text_sink to) { return std::make_unique<shiviz>(std::move(to)); }

} // namespace shutdown_repro::traces
