// OpenTelemetry's OTLP as JSON lines, as its file exporter writes it: each line is one export request with one span.
// The life of an actor is a span, the owner of the actor is the parent, the events of the actor are the events of the
// span, and causes in other actors are links. Ids are computed from the header of the trace and from the actor, so the
// same trace gives the same ids.
#include <unordered_map>
#include "traces/exports/exports.hpp"
#include "traces/exports/json_line.hpp"
#include "traces/exports/moments.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_span_events =
    1000; // per span; collectors have similar limits, and the span has the number of those left out
constexpr std::size_t most_links = 128;
constexpr int status_error = 2;

// FNV-1a, with a final mixing of the bits.
std::uint64_t hash(std::string_view text, std::uint64_t seed) {
    std::uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    return h ? h : 1; // an id of only zeros is invalid
}

std::string hex(std::uint64_t n) {
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; n >>= 4) out[i] = "0123456789abcdef"[n & 15];
    return out;
}

void attribute(json_line& line, std::string_view key, std::string_view text) {
    line.open("{").string("key", key).raw(R"(,"value":{)").string("stringValue", text).raw("}}");
}
void attribute(json_line& line, std::string_view key, std::int64_t n) {
    line.open("{").string("key", key).raw(R"(,"value":{)").string("intValue", std::to_string(n)).raw("}}");
}
void attribute(json_line& line, field const& f) {
    std::string const key = "shutdown_repro.detail." + std::string(f.key);
    switch (f.val.is) {
    case value::type::integer: return attribute(line, key, f.val.integer);
    case value::type::text: return attribute(line, key, f.val.text);
    case value::type::id: return attribute(line, key, to_string(f.val.id));
    case value::type::boolean:
        line.open("{").string("key", key).raw(R"(,"value":{"boolValue":)").raw(f.val.integer ? "true}}" : "false}}");
        return;
    case value::type::ids: break;
    }
    line.open("{").string("key", key).raw(R"(,"value":{"arrayValue":{"values":[)");
    for (ref r : f.val.ids) line.open("{").string("stringValue", to_string(r)).raw("}");
    line.raw("]}}}");
}

class otlp final : public exporter {
public:
    otlp(header const& h, text_sink to) : to_(std::move(to)) {
        std::string const all = h.scenario + "\n" + h.world + "\n" + h.schedule + "\n" + h.target + "\n" + h.tool;
        seed_ = hash(all, 0);
        trace_ = hex(seed_) + hex(hash(all, 1));
        json_line line;
        line.raw(R"({"resourceSpans":[{"resource":{"attributes":[)");
        attribute(line, "service.name", "shutdown-repro");
        if (!h.world.empty()) attribute(line, "shutdown_repro.world", h.world);
        if (!h.schedule.empty()) attribute(line, "shutdown_repro.schedule", h.schedule);
        if (!h.tool.empty()) attribute(line, "shutdown_repro.tool", h.tool);
        line.raw(R"(]},"scopeSpans":[{"scope":{"name":"shutdown-repro"},"spans":[)");
        head_ = line.text();
    }

    void on_event(event const& e) override {
        nanoseconds const now = clock_.at(e);
        if (e.by) open(e.by, now);
        ref const who = lane_of(e);
        if (!who) return;
        span& s = open(who, now);
        if (e.id) describe(s, e);
        note(s, e, now);
        for (seq_t why : e.because)
            if (std::uint64_t const* cause = span_of_.find(why)) link(s, *cause);
        span_of_.add(e.seq, s.id);
        if (e.id && ends_life(e.what)) close(who, now);
    }

    void finish() override {
        std::vector<std::pair<std::uint64_t, ref>> open;
        for (auto const& [who, s] : open_) open.emplace_back(s.number, who);
        std::sort(open.begin(), open.end());
        for (auto const& [number, who] : open) close(who, clock_.now());
    }

private:
    struct span {
        std::uint64_t id = 0, parent = 0;
        std::string name;
        nanoseconds since = 0;
        std::uint64_t number = 0; // in the order in which spans open
        json_line events, links;
        std::size_t noted = 0, linked = 0;
        std::string failure; // "" for no failure
        bool over = false;
    };
    struct known {
        std::uint64_t id = 0, number = 0; // of the first span
        std::uint32_t lives = 0;
    };

    span& open(ref who, nanoseconds now) {
        auto const [at, fresh] = open_.try_emplace(who);
        if (!fresh) return at->second;
        // An actor that has events after its end gets another span.
        known& k = known_[who];
        span& s = at->second;
        s.since = now;
        s.number = ++last_;
        s.id = hash(to_string(who) + " " + std::to_string(++k.lives), seed_);
        if (k.lives == 1) k.id = s.id, k.number = s.number;
        s.name = to_string(who) + (k.lives > 1 ? " after its end" : "");
        return s;
    }

    // The parent has appeared before, so parents that form a ring do not become a ring of spans.
    void describe(span& s, event const& e) {
        if (auto const p = known_.find(e.parent);
            !s.parent && p != known_.end() && p->second.number < s.number && p->second.id != s.id)
            s.parent = p->second.id;
        if (std::string const name = name_given(e); !name.empty() && name != to_string(e.id))
            s.name = to_string(e.id) + " " + name;
        bool const is_bad = (e.what == kind::coroutine_finish && e.text("result") == "failed") ||
            e.what == kind::assertion || e.what == kind::client_fail || e.what == kind::loop_error ||
            (e.what == kind::process_exit && !e.text("signal").empty());
        if (is_bad) s.failure = phrase(e);
    }

    std::string time(nanoseconds t) const {
        auto const start = static_cast<std::uint64_t>(std::max(clock_.start(), nanoseconds{0}));
        return std::to_string(start + static_cast<std::uint64_t>(t));
    }

    void note(span& s, event const& e, nanoseconds now) {
        if (s.noted++ >= most_span_events) return;
        json_line& l = s.events;
        l.open("{").string("timeUnixNano", time(now)).string("name", kind_text(e)).raw(R"(,"attributes":[)");
        attribute(l, "shutdown_repro.seq", static_cast<std::int64_t>(std::min(e.seq, seq_t{INT64_MAX})));
        if (e.by) attribute(l, "shutdown_repro.by", to_string(e.by));
        if (!e.because.empty()) {
            l.raw(R"(,{"key":"shutdown_repro.because","value":{"arrayValue":{"values":[)");
            for (seq_t why : e.because) l.open("{").string("stringValue", std::to_string(why)).raw("}");
            l.raw("]}}}");
        }
        for (field const& f : e.detail) attribute(l, f);
        l.raw("]}");
    }
    void link(span& s, std::uint64_t cause) {
        if (cause == s.id || s.linked++ >= most_links) return;
        s.links.open("{").string("traceId", trace_).string("spanId", hex(cause)).raw("}");
    }

    void close(ref who, nanoseconds now) {
        span const& s = open_.at(who);
        json_line l;
        l.raw("{").string("traceId", trace_).string("spanId", hex(s.id));
        if (s.parent) l.string("parentSpanId", hex(s.parent));
        l.string("name", s.name)
            .raw(R"(,"kind":1)")
            .string("startTimeUnixNano", time(s.since))
            .string("endTimeUnixNano", time(now));
        l.raw(R"(,"attributes":[)");
        attribute(l, "shutdown_repro.id", to_string(who));
        l.raw("]").raw(R"(,"events":[)").raw(s.events.text()).raw("]");
        if (s.noted > most_span_events)
            l.number("droppedEventsCount", static_cast<std::int64_t>(s.noted - most_span_events));
        l.raw(R"(,"links":[)").raw(s.links.text()).raw("]");
        if (s.linked > most_links) l.number("droppedLinksCount", static_cast<std::int64_t>(s.linked - most_links));
        l.raw(R"(,"status":{)");
        if (!s.failure.empty()) l.number("code", status_error).string("message", s.failure);
        l.raw("}}");
        to_(head_ + l.text() + "]}]}]}\n");
        open_.erase(who);
    }

    text_sink to_;
    strict_clock clock_{nanoseconds{1} << 60};
    std::uint64_t seed_ = 0, last_ = 0;
    std::string trace_, head_;
    std::unordered_map<ref, span> open_;
    std::unordered_map<ref, known> known_;
    by_number<std::uint64_t> span_of_;
};

} // namespace

std::unique_ptr<exporter> export_otlp(header const& h, text_sink to) {
    return std::make_unique<otlp>(h, std::move(to));
}

} // namespace shutdown_repro::traces
