// The trace event format of Perfetto, speedscope and chrome://tracing. An actor becomes a thread: a slice for its life,
// inside it the states of a coroutine, an instant for each event, and arrows from causes to effects.
// These viewers require that slices of one thread nest, that an arrow begins and ends inside a slice, that its id is a
// number, and that times are microseconds. They add times as floating point numbers, so no slice may begin or end where
// another one does: a life is a nanosecond longer than its events at both ends, and a state ends a nanosecond before
// the next one begins.
#include <unordered_map>
#include <utility>
#include "traces/exports/exports.hpp"
#include "traces/exports/json_line.hpp"
#include "traces/exports/moments.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

std::string microseconds(nanoseconds t) {
    std::string const fraction = std::to_string(t % 1000);
    return std::to_string(t / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction;
}

class chrome final : public exporter {
public:
    chrome(header const& h, text_sink to) : to_(std::move(to)) {
        put(json_line()
                .raw(R"({"displayTimeUnit":"ns","otherData":{)")
                .string("world", h.world)
                .string("schedule", h.schedule)
                .string("tool", h.tool)
                .raw(R"(},"traceEvents":[)"
                     "\n"));
        json_line name = begin("M", "process_name", 0);
        put(name.raw(R"(,"args":{"name":"shutdown-repro"}})"));
    }

    void on_event(event const& e) override {
        nanoseconds const now = clock_.at(e);
        actors_.note(e, index_++);
        if (e.by) lane_of_actor(e.by, now);
        ref const who = lane_of(e);
        if (!who) return;
        lane& l = lane_of_actor(who, now);
        mark(e, l, now);
        for (seq_t why : e.because)
            if (place const* cause = places_.find(why)) arrow(*cause, {now, l.thread});
        places_.add(e.seq, {now, l.thread});
        if (e.what == kind::coroutine_suspend)
            enter(l, "suspended" + (e.text("on").empty() ? "" : " on " + printable(e.text("on"))), now);
        else if (e.what == kind::coroutine_start || e.what == kind::coroutine_resume) enter(l, "running", now);
        else if (e.what == kind::coroutine_finish) enter(l, "finished, not removed", now);
        if (e.id && ends_life(e.what)) end(e.id, l, now);
    }

    void finish() override {
        actors_.arrange();
        std::int64_t row = 0;
        for (actor const& m : actors_.in_order()) {
            lane& l = lanes_.at(m.id);
            if (l.alive) end(m.id, l, clock_.now() + strict_clock::step);
            std::string const title =
                to_string(m.id) + (m.name.empty() || m.name == to_string(m.id) ? "" : " " + m.name);
            put(begin("M", "thread_name", l.thread).raw(R"(,"args":{)").string("name", title).raw("}}"));
            put(begin("M", "thread_sort_index", l.thread).raw(R"(,"args":{)").number("sort_index", row++).raw("}}"));
        }
        to_("\n]}\n");
    }

private:
    struct lane {
        std::uint32_t thread = 0;
        bool alive = false;
        nanoseconds since = 0, state_since = 0;
        std::string state; // "" for an actor without states
    };
    struct place {
        nanoseconds at;
        std::uint32_t thread;
    };

    lane& lane_of_actor(ref who, nanoseconds now) {
        lane& l = lanes_[who];
        if (l.thread == 0) l.thread = static_cast<std::uint32_t>(lanes_.size()) + 1; // 1 is the process
        if (!std::exchange(l.alive, true)) l.since = now - 1;
        return l;
    }
    void enter(lane& l, std::string state, nanoseconds now) {
        if (!l.state.empty() && now > l.state_since) slice(l.state, "state", l, l.state_since, now - 1);
        l.state = std::move(state);
        l.state_since = now;
    }
    void end(ref who, lane& l, nanoseconds now) {
        enter(l, "", now);
        slice(to_string(who), name_of(who.type), l, l.since, now + 1);
        l.alive = false;
    }

    static json_line begin(std::string_view phase, std::string_view name, std::uint32_t thread) {
        json_line line;
        line.raw("{").string("ph", phase).number("pid", 1).string("name", name);
        if (thread) line.number("tid", thread);
        return line;
    }
    void slice(std::string_view name, std::string_view category, lane const& l, nanoseconds from, nanoseconds to) {
        put(begin("X", name, l.thread)
                .string("cat", category)
                .key("ts")
                .raw(microseconds(from))
                .key("dur")
                .raw(microseconds(to - from))
                .raw("}"));
    }
    void mark(event const& e, lane const& l, nanoseconds now) {
        json_line line = begin("i", kind_text(e), l.thread);
        line.string("s", "t").string("cat", "event").key("ts").raw(microseconds(now));
        line.key("args").raw("{").key("seq").raw(std::to_string(e.seq)).string("what", phrase(e));
        if (e.by) line.string("by", to_string(e.by));
        put(line.raw("}}"));
    }
    void arrow(place const& from, place const& to) {
        std::string const id = std::to_string(++arrows_);
        put(begin("s", "because", from.thread)
                .string("cat", "cause")
                .key("id")
                .raw(id)
                .key("ts")
                .raw(microseconds(from.at))
                .raw("}"));
        put(begin("f", "because", to.thread)
                .string("cat", "cause")
                .string("bp", "e")
                .key("id")
                .raw(id)
                .key("ts")
                .raw(microseconds(to.at))
                .raw("}"));
    }
    void put(json_line const& line) {
        if (written_ > 1) to_(",\n");
        ++written_;
        to_(line.text());
    }

    text_sink to_;
    strict_clock clock_{nanoseconds{1} << 48}; // three days; a double holds as many microseconds with three decimals
    actor_list actors_;
    std::size_t index_ = 0;
    std::unordered_map<ref, lane> lanes_;
    by_number<place> places_;
    std::uint64_t arrows_ = 0, written_ = 0; // the head of the file counts as one record
};

} // namespace

std::unique_ptr<exporter> export_chrome(header const& h, text_sink to) {
    return std::make_unique<chrome>(h, std::move(to));
}

} // namespace shutdown_repro::traces
