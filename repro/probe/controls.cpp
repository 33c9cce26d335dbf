#include "repro/probe/controls.hpp"
#include <algorithm>
#include <functional>
#include <map>
#include "repro/clients/protocol.hpp"
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::repro {

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

// The second request follows so much later, so that a time of day in the body differs.
constexpr nanoseconds between_requests = 1'100 * millisecond;
constexpr nanoseconds longest_answer = 10'000 * millisecond; // or the grace, if that is longer
constexpr std::int64_t least_grace_ms = 100;                 // within which any server may be expected to exit

constexpr nanoseconds unlimited = 24 * 3'600'000 * millisecond;

nanoseconds longest_wait(target const& t) { return std::max(longest_answer, (t.grace_ms + 1'000) * millisecond); }

// No client: the stop of a server at rest.
class at_rest final : public probe_script {
public:
    void open(probe_run&) override {}
    bool in_place(probe_run&) override { return true; }
    std::size_t standing(probe_run&) override { return 1; }
    std::string missing(probe_run&) const override { return {}; }
    bool signals_who_serves() const override { return true; }
};

// Asks for each path twice, and lets the server be killed.
class asking final : public probe_script {
public:
    explicit asking(std::vector<url_control>& urls) : urls_(urls) {}

    void open(probe_run& run) override {
        if (run.backend()) run.backend()->release();
        begun_ = traces::monotonic_now();
        ask(run);
    }
    bool in_place(probe_run& run) override {
        nanoseconds const now = traces::monotonic_now();
        for (std::size_t i = 0; i < run.clients().size(); ++i) finish(i, *run.clients()[i], now);
        if (run.clients().size() == urls_.size() && now - begun_ >= between_requests) ask(run);
        bool const all = std::ranges::all_of(over_, [](nanoseconds at) { return at > 0; });
        return (all && over_.size() == 2 * urls_.size()) || now - begun_ >= longest_wait(run.plan());
    }
    std::size_t enough(probe_run&) override { return 0; }
    std::string missing(probe_run&) const override { return {}; }
    void stop(probe_run& run) override {
        for (std::size_t i = 0; i < urls_.size(); ++i) judge(run, i);
    }
    nanoseconds patience() const override { return unlimited; } // in_place() limits it
    bool uses_all_patience() const override { return true; }

private:
    void ask(probe_run& run) {
        for (url_control const& u : urls_) {
            probe_request r = request_of(u.asked);
            r.endless = u.asked == run.plan().stream;
            run.client("control").send(r);
            over_.push_back(0);
            asked_.push_back(traces::monotonic_now());
        }
    }
    void finish(std::size_t i, probe_client& c, nanoseconds now) {
        bool const streams = c.got_bytes() && c.asks_without_end();
        if (!over_[i] && (c.answered() || c.over() || streams)) over_[i] = now;
    }
    void judge(probe_run& run, std::size_t i) {
        url_control& u = urls_[i];
        probe_client const& first = *run.clients()[i];
        u.took = over_[i] ? over_[i] - asked_[i] : 0;
        u.answer = first.answer();
        bool const again = run.clients().size() > i + urls_.size();
        auto const second = again ? run.clients()[i + urls_.size()]->answer() : std::nullopt;
        if (u.answer && second && u.answer->status == second->status) {
            u.same_length = u.answer->body == second->body;
            u.same_bytes = u.same_length && u.answer->digest == second->digest;
        }
        u.trouble = trouble_of(run, u, first);
        if (u.trouble.empty() && !u.answer && first.over()) u.told = "closed without a final response";
    }
    static std::string trouble_of(probe_run& run, url_control const& u, probe_client const& c) {
        target const& t = run.plan();
        if (!c.unreadable().empty()) return c.unreadable();
        if (std::string const refused = run.why_refused(); !refused.empty()) return refused;
        if (u.answer && !(u.asked == t.path) && u.answer->status / 100 != 2)
            return u.asked.in_words() + " answers " + std::to_string(u.answer->status) +
                " even when the server is not being stopped";
        if (u.answer || c.got_bytes() || c.got_interim() || !c.over()) return {};
        if (speaks_tls(run.port())) return "the server speaks TLS, and the clients speak plain HTTP/1.1";
        return "the server closes the connection of a request for " + u.asked.in_words() +
            " without an answer even when it is not being stopped";
    }

    std::vector<url_control>& urls_;
    std::vector<nanoseconds> asked_, over_; // by client
    nanoseconds begun_ = 0;
};

// Returns the process that ended only when it got the signal itself, see direct_signal.cpp.
std::string unforwarded_in(traces::trace const& seen) {
    std::map<traces::ref, std::string> signaled; // their names
    for (traces::event const& e : seen.events) {
        if (e.what == kind::process_signal && e.integer("direct")) signaled[e.id] = e.text("name");
        bool const ends = e.what == kind::process_exit && e.text("signal") != "SIGKILL";
        if (auto const it = signaled.find(e.id); ends && it != signaled.end())
            return to_string(e.id) + " (" + it->second + ")";
    }
    return {};
}

rest_control rest_in(traces::trace const& seen) {
    rest_control rest;
    nanoseconds stopped = 0, started = 0;
    for (traces::event const& e : seen.events) {
        if (e.what == kind::process_start && e.id.number == 1) started = e.t;
        if (e.what == kind::process_ready) rest.ready_after = e.t - started;
        bool const stop = e.what == kind::act_stop || (e.what == kind::process_signal && e.integer("stop"));
        if (stop && !stopped) stopped = e.t;
        bool const forced = e.what == kind::process_signal && (e.text("signal") == "SIGKILL" || e.integer("direct"));
        if (forced && stopped && rest.ended.empty()) rest.killed = true; // it would not have ended by itself
        if (e.what == kind::process_left) rest.left = static_cast<std::uint64_t>(e.integer("count"));
        if (e.what != kind::process_exit || e.id.number != 1 || !stopped) continue;
        rest.took = e.t - stopped;
        rest.ended =
            e.text("signal").empty() ? "status " + std::to_string(e.integer("status")) : std::string(e.text("signal"));
    }
    rest.unforwarded = unforwarded_in(seen);
    if (!seen.problems.empty()) rest.trouble = seen.problems.front();
    else if (rest.ended.empty()) rest.trouble = "it was not seen to exit";
    return rest;
}

// Whether three of the times, the longest among them, are the same but for chance.
bool three_agree(std::vector<nanoseconds> times) {
    constexpr nanoseconds least_difference = 50 * millisecond;
    constexpr int share = 10; // of the longest
    if (times.size() < 3) return false;
    std::ranges::sort(times, std::ranges::greater());
    return times[0] - times[2] <= least_difference + times[0] / share;
}

// A server that looks for the stop only now and then exits at rest after times that differ by chance. It is stopped
// again until three of the times agree, and the longest counts.
rest_control measure_rest_often(target const& t, std::string const& partial_path) {
    constexpr int most = 5;
    constexpr nanoseconds at_once = 20 * millisecond;
    rest_control longest = measure_rest(t, partial_path);
    if (!longest.trouble.empty()) longest = measure_rest(t, partial_path); // this machine may have been busy
    if (!longest.trouble.empty() || longest.killed || longest.took <= at_once) return longest;
    std::vector<nanoseconds> times{longest.took};
    while (times.size() < most && !three_agree(times)) {
        rest_control next = measure_rest(t, partial_path);
        if (!next.trouble.empty()) break;
        times.push_back(next.took);
        if (next.took > longest.took) longest = std::move(next);
    }
    longest.times = times.size();
    return longest;
}

std::string in_words(url_control const& u) {
    if (!u.trouble.empty()) return u.trouble;
    if (!u.answer) return u.took ? "begins, without an end" : "not answered in time";
    std::string out = std::to_string(u.answer->status) + ", " + std::to_string(u.answer->body) +
        (u.answer->body == 1 ? " byte" : " bytes");
    if (!u.same_length) out += ", a different length each time";
    else if (!u.same_bytes) out += ", different bytes each time";
    return out + ", " + std::to_string(u.took / millisecond) + " ms";
}

// Asks for all paths; returns why the execution is inconclusive, or "".
std::string ask_once(target const& t, std::vector<url_control>& urls, std::string const& partial_path) {
    probe_run run(t, one_request_probe, {.partial_path = partial_path}, std::make_unique<asking>(urls));
    traces::trace const seen = run.run();
    return seen.problems.empty() ? "" : seen.problems.front();
}

void compare_with_another_start(target const& t, std::vector<url_control>& urls, std::string const& partial_path) {
    std::vector<url_control> again;
    for (url_control const& u : urls) again.push_back({.asked = u.asked});
    ask_once(t, again, partial_path);
    for (std::size_t i = 0; i < urls.size(); ++i) {
        auto const &first = urls[i].answer, &second = again[i].answer;
        urls[i].same_length &= again[i].same_length && first && second && first->body == second->body;
        urls[i].same_bytes &= urls[i].same_length && again[i].same_bytes && first->digest == second->digest;
    }
}

} // namespace

url_control const* target_controls::find(target::http_request const& asked) const {
    auto const it = std::ranges::find(urls, asked, &url_control::asked);
    return it == urls.end() ? nullptr : &*it;
}

rest_control measure_rest(target const& t, std::string const& partial_path) {
    return rest_in(probe_run(t, at_rest_probe, {.partial_path = partial_path}, std::make_unique<at_rest>()).run());
}

target_controls measure_controls(
    target const& t, std::span<std::string const> probes, std::string const& partial_path) {
    target_controls all;
    for (std::string const& probe : probes)
        for (target::http_request const& r : requests_of(t, probe))
            if (!all.find(r)) all.urls.push_back({.asked = r});
    bool const is_stop = t.act.what == act_kind::stop;
    if (is_stop) all.at_rest = measure_rest_often(t, partial_path);
    else all.at_rest.trouble = "the act is not a stop";
    if (all.urls.empty()) return all;
    std::string const noted = ask_once(t, all.urls, partial_path);
    // Other processes answer after the act, so what differs from one start to the next is not compared.
    if (!is_stop) compare_with_another_start(t, all.urls, partial_path);
    for (url_control& u : all.urls) {
        if (u.trouble.empty() && !u.answer && !u.took) u.trouble = noted;
        if (u.told.empty()) u.told = in_words(u);
    }
    return all;
}

std::string why_not_judged(target_controls const& all, target const& t, std::string_view probe) {
    std::string const grace = traces::duration(t.grace_ms * millisecond);
    if (all.at_rest.killed && t.grace_ms < least_grace_ms)
        return "even without a client the server needs longer than the grace of " + grace +
            "; raise --grace (a number without a unit is in milliseconds, 2s are two seconds)";
    for (target::http_request const& r : requests_of(t, probe)) {
        url_control const* const u = all.find(r);
        if (!u) continue;
        if (!u->trouble.empty()) return u->trouble;
        bool const unanswered = !u->answer && u->took == 0;
        if (!(r == t.stream) && (unanswered || u->took >= t.grace_ms * millisecond))
            return r.in_words() + " needs longer than the grace of " + grace + "; raise --grace";
    }
    return {};
}

} // namespace shutdown_repro::repro
