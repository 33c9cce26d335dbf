#include "cli/report/target_report.hpp"
#include <algorithm>
#include <iostream>
#include <set>
#include "cli/report/report.hpp"
#include "cli/terminal/files.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/gate/wilson.hpp"

namespace shutdown_repro::cli {

using namespace traces;

namespace {

constexpr std::size_t most_last_words = 6; // lines
constexpr std::size_t name_width = 17;

// Returns a rate with its confidence interval, such as "3 of 5 runs (23 to 88 %)".
std::string rate_of(std::uint64_t count, std::uint64_t runs) {
    auto const [low, high] = repro::wilson({count, runs});
    auto const percent = [](double share) { return std::to_string(static_cast<int>(share * 100 + 0.5)); };
    return std::to_string(count) + " of " + std::to_string(runs) + " runs (" + percent(low) + " to " + percent(high) +
        " %)";
}

std::string mark(probe_result const& p, text_style style) {
    if (!p.skipped.empty()) return paint(style, tint::faint, "-");
    switch (p.verdict()) {
    case verdict::violated: {
        bool const error =
            std::ranges::any_of(p.judged.violations, [](violation const& v) { return v.level == severity::error; });
        return error ? paint(style, tint::bad, "✗") : paint(style, tint::warn, "!");
    }
    case verdict::inconclusive: return paint(style, tint::warn, "?");
    case verdict::clean: break;
    }
    return paint(style, tint::good, "✓");
}

std::string requests_in_words(probe_result const& p) {
    std::uint64_t const all = p.answered + p.lost;
    std::string const later = p.turned_away ? std::to_string(p.turned_away) +
            (p.outcome.act.empty() ? " sent later turned away, " : " sent to a connection that was being closed, ")
                                            : "";
    if (all == 0) return later;
    return (p.lost ? std::to_string(p.lost) + " of " + std::to_string(all) + " lost, "
                   : std::to_string(all) + " of " + std::to_string(all) + " answered, ") +
        later;
}

// "3 connections refused, effect after 40 ms"
std::string act_in_words(probe_outcome const& o) {
    std::string const refused = o.refused ? counted(o.refused, "connection") + " refused, " : "";
    if (o.act == "none") return refused + "nothing was done to the server";
    return refused + (o.effect_after ? "effect after " + duration(*o.effect_after) : "no effect seen");
}

std::string end_in_words(probe_outcome const& o) {
    if (!o.act.empty()) return act_in_words(o);
    if (!o.ended_after) return "not stopped";
    return (o.killed ? "killed after " : "exit ") + duration(*o.ended_after) + (o.killed ? "" : ", " + o.how_ended);
}

std::string rules_in_words(probe_result const& p) {
    auto const level = [&](std::string_view rule) {
        auto const v = std::ranges::find(p.judged.violations, rule, &violation::rule);
        rule_info const* const info = find_rule(rule);
        return v != p.judged.violations.end() ? v->level : info ? info->level : severity::error;
    };
    auto rules = p.by_rule;
    std::ranges::stable_sort(rules, [&](auto const& a, auto const& b) { return level(a.first) > level(b.first); });
    std::string out;
    for (auto const& [rule, count] : rules)
        out += (out.empty() ? "" : " · ") + std::string(level(rule) == severity::note ? "note: " : "") + rule +
            (p.runs > 1 ? " " + rate_of(count, p.runs) : "");
    return out;
}

// A server that accepts fewer clients than came was tested with fewer.
std::string few_connected(probe_outcome const& o) {
    if (o.connected >= o.clients) return {};
    return std::to_string(o.connected) + " of " + counted(o.clients, "client") +
        " connected before the stop: is the accept queue full?";
}

// Returns the moments of the start at which the server was stopped, and those at which it was not; a line for each.
std::vector<std::string> moments_in_words(std::vector<repro::tried_moment> const& all) {
    std::vector<std::string> out;
    std::string stopped;
    for (repro::tried_moment const& m : all)
        if (m.why_not.empty()) stopped += (stopped.empty() ? "stopped " : ", ") + m.when;
        else out.push_back("not stopped " + m.when + ": " + m.why_not);
    if (!stopped.empty()) out.insert(out.begin(), stopped);
    return out;
}

std::string row(probe_result const& p, text_style style) {
    std::string const begin = pad(p.probe, name_width) + mark(p, style) + " ";
    constexpr std::size_t indent = name_width + 2;
    std::string const blank = "\n" + std::string(indent, ' ');
    if (!p.skipped.empty())
        return begin + paint(style, tint::faint, wrap("not run: " + p.skipped, style.width, indent)) + "\n";
    std::string first = requests_in_words(p) + end_in_words(p.outcome), second = rules_in_words(p);
    if (p.violated && p.answered && !p.lost && !second.empty())
        first.swap(second); // "✗ 20 of 20 answered" would not say what failed
    std::string out = begin + wrap(first, style.width, indent);
    if (!second.empty()) out += blank + wrap(second, style.width, indent);
    for (std::string const& line : moments_in_words(p.moments)) out += blank + wrap(line, style.width, indent);
    if (std::string const few = few_connected(p.outcome); !few.empty()) out += blank + wrap(few, style.width, indent);
    if (p.inconclusive) {
        std::string const why = p.trouble();
        std::string const count = std::to_string(p.inconclusive) + " of " + std::to_string(p.runs) + " runs ";
        out += blank +
            wrap((p.runs > 1 ? count : "") + "inconclusive" + (why.empty() ? "" : ": " + printable(why)), style.width,
                indent);
    }
    return out + "\n";
}

// Returns the details of a single probe: every violation, and the last output of the server.
std::string at_length(probe_result const& p, text_style style) {
    if (p.verdict() == verdict::clean) return {};
    judgement told = p.judged;
    std::erase(told.problems, p.trouble()); // the row says it
    std::string out = violations_as_text(told, style);
    if (!out.empty() || !p.outcome.last_words.empty()) out.insert(0, "\n");
    if (p.outcome.last_words.empty()) return out;
    out += paint(style, tint::faint, "the last output of the server:") + "\n";
    for (std::string const& line : p.outcome.last_words) out += "    " + fit(printable(line), style.width - 4) + "\n";
    return out;
}

// Whether a response asks the client to go to another server: 503 with Connection: close, where the same request gets
// something else without a stop.
bool is_refusal(event const& done) {
    constexpr int unavailable = 503;
    return done.integer("status") == unavailable && done.integer("close") &&
        done.integer("control_status") != unavailable;
}

// Whether the stop waits for clients of this role to be connected.
bool is_awaited(std::string_view role) {
    static constexpr std::string_view roles[] = {
        "in-flight", "stream-in-flight", "half-request", "idle", "keepalive", "silent", "stream"};
    return std::ranges::count(roles, role) > 0;
}

// Whether a request was sent on a kept connection that the server, idle until then, closed at that moment: a client
// sends such a request again. It is asked during an act other than a stop.
bool crossed_a_close(trace const& t, event const& fail, probe_outcome const& o) {
    constexpr nanoseconds on_its_way = 250'000'000;
    if (o.act.empty() || fail.integer("received") > 0) return false;
    bool answered = false;
    nanoseconds sent_at = 0;
    for (event const& e : t.events) {
        if (e.seq >= fail.seq) break;
        if (e.id != fail.id) continue;
        if (e.what == kind::client_done) answered = true;
        if (e.what == kind::client_send) sent_at = e.t;
    }
    return answered && fail.t - sent_at <= on_its_way;
}

} // namespace

probe_outcome outcome_of(trace const& t) {
    probe_outcome o;
    seq_t stopped = no_seq;
    nanoseconds stopped_at = 0;
    std::vector<ref> awaited; // clients that should be connected before the stop
    std::vector<ref> apart;   // clients whose requests do not count for the probe
    std::set<ref> before;     // requests that are owed an answer
    std::set<ref> waiting;    // clients that came before the stop and have sent nothing yet
    for (event const& e : t.events) {
        bool const of_probe = std::ranges::find(apart, e.id) == apart.end();
        switch (e.what) {
        case kind::client_connect:
            if (e.text("role") == "readiness" || e.text("role") == "late") apart.push_back(e.id);
            if (stopped != no_seq) break;
            waiting.insert(e.id);
            if (is_awaited(e.text("role"))) ++o.clients, awaited.push_back(e.id);
            break;
        case kind::client_send:
            if (waiting.erase(e.id) || stopped == no_seq || !o.act.empty()) before.insert(e.id_of("request"));
            break;
        case kind::client_connected: o.connected += stopped == no_seq && std::ranges::count(awaited, e.id); break;
        case kind::client_done:
            if (stopped == no_seq || !of_probe) break;
            is_refusal(e) && !before.contains(e.id_of("request")) ? ++o.turned_away : ++o.answered;
            break;
        case kind::act_begin:
            if (stopped == no_seq) stopped = e.seq, stopped_at = e.t, o.act = e.text("act");
            break;
        case kind::act_effect: o.effect_after = o.effect_after.value_or(elapsed(stopped_at, e.t)); break;
        case kind::client_fail:
            o.refused += !o.act.empty() && e.text("how") == "refused";
            if (stopped == no_seq || !of_probe || !e.id_of("request") || e.text("how") == "unreadable") break;
            before.contains(e.id_of("request")) && !crossed_a_close(t, e, o) ? ++o.lost : ++o.turned_away;
            break;
        case kind::process_ready: o.workers = e.integer("workers", 1); break;
        case kind::process_signal:
            if (e.text("signal") == "SIGKILL") o.killed = o.act.empty();
            if (!e.integer("stop") || stopped != no_seq) break;
            o.signal = e.text("signal");
            [[fallthrough]];
        case kind::act_stop:
            if (stopped == no_seq) stopped = e.seq, stopped_at = e.t;
            break;
        case kind::process_exit:
            if (e.id.number != 1 || stopped == no_seq) break;
            o.ended_after = elapsed(stopped_at, e.t);
            o.how_ended = e.text("signal").empty() ? "status " + std::to_string(e.integer("status"))
                                                   : traces::printable(e.text("signal"));
            break;
        case kind::process_stderr:
            if (e.text("text").empty()) break;
            if (o.last_words.size() == most_last_words) o.last_words.erase(o.last_words.begin());
            o.last_words.emplace_back(e.text("text"));
            break;
        default: break;
        }
    }
    return o;
}

void probe_result::add(traces::trace&& t) {
    ++runs;
    judgement its = judge_for_report(t);
    probe_outcome const its_outcome = outcome_of(t);
    answered += its_outcome.answered;
    lost += its_outcome.lost;
    turned_away += its_outcome.turned_away;
    violated += its.verdict == verdict::violated;
    inconclusive += its.verdict == verdict::inconclusive;
    std::vector<std::string_view> broken;
    for (violation const& v : its.violations)
        if (std::ranges::find(broken, v.rule) == broken.end()) broken.push_back(v.rule);
    for (std::string_view rule : broken) {
        auto const known = std::ranges::find(by_rule, rule, [](auto const& r) { return r.first; });
        known == by_rule.end() ? void(by_rule.emplace_back(rule, 1)) : void(++known->second);
    }
    if (!trace.events.empty() && severity_of(its.verdict) <= severity_of(judged.verdict)) return;
    trace = std::move(t);
    judged = std::move(its);
    outcome = its_outcome;
    moments = repro::moments_of_start(trace);
}

void probe_result::add_failure(std::string why) {
    ++runs;
    ++inconclusive;
    if (failure.empty()) failure = std::move(why);
}

std::string probe_result::trouble() const {
    return !failure.empty() ? failure : judged.problems.empty() ? "" : judged.problems.front();
}

verdict probe_result::verdict() const {
    return violated ? verdict::violated : inconclusive ? verdict::inconclusive : verdict::clean;
}

void keep_trace(probe_result& p, std::string const& path, bool asked) {
    try {
        write_trace(path, p.trace, asked ? named_by::user : named_by::us);
        p.trace_path = path;
    } catch (traces::trace_error const& e) {
        if (asked) throw;
        std::cerr << "shutdown-repro: " << e.what() << std::endl;
    }
}

verdict target_report::verdict() const {
    auto worst = verdict::clean;
    bool any = false;
    for (probe_result const& p : probes) {
        if (!p.skipped.empty() || !p.counts) continue;
        any = true;
        if (severity_of(p.verdict()) > severity_of(worst)) worst = p.verdict();
    }
    return any && (cut.empty() || worst != verdict::clean) ? worst : verdict::inconclusive;
}

std::uint64_t target_report::executions() const {
    std::uint64_t all = 0;
    for (probe_result const& p : probes) all += p.runs;
    return all;
}

namespace {

std::string headline(target_report const& r, text_style style) {
    std::string const begin =
        paint(style, tint::strong, r.target.name) + (r.version.empty() ? "" : " " + r.version) + " · ";
    if (r.target.program)
        return begin + "with its adapter, run to its end · " + counted(r.repeat, "run") + " an order\n";
    bool const stops = r.target.act.what == repro::act_kind::stop;
    return begin + (stops ? r.target.stop_in_words() : r.target.act.in_words()) +
        (r.target.adapter.empty() ? "" : " · with an adapter") + " · grace " + duration(r.target.grace_ms * 1'000'000) +
        " · " + counted(r.repeat, "run") + " a probe, " + counted(r.connections, "connection") + " each\n";
}

// What the server does without a client, and without a stop.
std::string controls_in_words(target_report const& r, text_style style) {
    if (!r.controls) return {};
    repro::rest_control const& rest = r.controls->at_rest;
    bool const stops = r.target.act.what == repro::act_kind::stop;
    std::string out = stops ? "control, no clients: " : "control, without the act";
    if (stops && !rest.trouble.empty()) out += "not measured: " + printable(rest.trouble);
    else if (stops)
        out += rest.killed ? "killed after " + duration(rest.took) : "exit " + duration(rest.took) + ", " + rest.ended;
    if (!rest.unforwarded.empty()) out += " · the signal did not reach " + printable(rest.unforwarded);
    for (repro::url_control const& u : r.controls->urls) out += " · " + u.asked.in_words() + ": " + printable(u.told);
    return paint(style, tint::faint, wrap(out, style.width, 0)) + "\n";
}

// Returns a sentence about the orders of a program that were run.
std::string guarantee(target_report const& r) {
    if (!r.all_orders) return {};
    std::string const count = counted(r.probes.size(), "order");
    return *r.all_orders ? "all " + count + " of its ready handles were run\n"
                         : "the first " + count + " of its ready handles were run; there are more\n";
}

} // namespace

std::string as_text(target_report const& r, text_style style) {
    std::string out = headline(r, style);
    std::int64_t workers = 1;
    for (probe_result const& p : r.probes) workers = std::max(workers, p.outcome.workers);
    if (workers > 1) out += paint(style, tint::faint, counted(static_cast<std::uint64_t>(workers), "worker")) + "\n";
    out += controls_in_words(r, style) + "\n";
    bool const graded = std::ranges::any_of(r.probes, [](probe_result const& p) { return !p.counts; });
    for (probe_result const& p : r.probes) {
        if (graded && !p.counts && (&p == &r.probes.front() || (&p - 1)->counts))
            out += paint(style, tint::faint, "strict probes, which do not decide the exit status without --strict:") +
                "\n";
        out += row(p, style);
    }
    if (r.probes.size() == 1) out += at_length(r.probes.front(), style);
    out += "\n";
    std::uint64_t violated = 0;
    std::uint64_t apart = 0; // in probes that do not decide
    for (probe_result const& p : r.probes) violated += p.violated, apart += p.counts ? 0 : p.violated;
    out += std::to_string(violated) + " of " + std::to_string(r.executions()) + " executions violated" +
        (apart ? ", " + std::to_string(apart) + " of them of strict probes" : "") + "\n" + guarantee(r);
    for (probe_result const& p : r.probes)
        if (!p.trace_path.empty())
            out += next_command("why", shell_line({"shutdown-repro", "inspect", p.trace_path, "--explain"}), style);
    for (probe_result const& p : r.probes)
        if (p.verdict() != verdict::clean && !p.again.empty() && (!r.all_orders || !p.trace_path.empty()))
            out += next_command("again", p.again, style);
    return out;
}

} // namespace shutdown_repro::cli
