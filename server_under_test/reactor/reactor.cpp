#include "server_under_test/reactor/reactor.hpp"
#include <algorithm>
#include <utility>

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;

namespace {

constexpr std::int64_t idle_poll_ms = 501; // half a second, and the millisecond by which every wait is rounded up
constexpr std::string_view next_tick_timer = "next tick";

traces::ref ref_of(reactor::timer_id t) { return {entity::timer, t}; }

} // namespace

reactor::reactor(polling_world& w, serve_order o) : world_(w), order_(o) {}

// --- handles and timers ---------------------------------------------------------------------------------------------

void reactor::io(descriptor h, traces::ref whose, std::string name, std::function<void(bool)> call) {
    watched_[h] = {.whose = whose, .name = std::move(name), .call = std::move(call)};
}

void reactor::watch(descriptor h, bool read, bool write) {
    watcher& w = watched_.at(h);
    w.read = read;
    w.write = write;
}

void reactor::remove(descriptor h) { watched_.erase(h); }

reactor::timer_id reactor::timer(traces::nanoseconds after, std::string_view what, std::string name, callback call,
    bool recurring, traces::ref owner) {
    timer_id const t = ++last_timer_;
    traces::seq_t armed = traces::no_seq;
    if (what != next_tick_timer) {
        traces::field const said[] = {{"ms", after / traces::millisecond}, {"what", what}, {"name", name},
            {"recurring", recurring}, {"owner", owner}};
        armed = trace().emit(kind::timer_arm, ref_of(t), id, std::span(said, owner ? 5 : 4));
    }
    timers_[t] = {.what = what,
        .name = std::move(name),
        .after = after,
        .due = world_.now() + after,
        .recurring = recurring,
        .call = std::move(call),
        .armed = armed};
    return t;
}

void reactor::again(timer_id t) {
    auto const i = timers_.find(t);
    if (i == timers_.end()) throw callback_error{"Timer not active"};
    i->second.due = world_.now() + i->second.after;
}

void reactor::remove_timer(timer_id t) {
    if (timers_.erase(t)) trace().emit(kind::timer_cancel, ref_of(t), id);
}

// Removes one timer at a time, because destroying a closure may remove other timers.
void reactor::cancel_users_timers(std::string_view reason) {
    timers_hold_ = false;
    for (;;) {
        auto const i = std::ranges::find_if(timers_, [](auto const& t) { return of_user(t.second); });
        if (i == timers_.end()) return;
        trace().emit(kind::timer_cancel, ref_of(i->first), id, {{"reason", reason}});
        timer_entry const gone = std::move(i->second);
        timers_.erase(i);
    }
}

void reactor::next_tick(callback call) {
    queued_.push_back({std::move(call), trace().cause()});
    if (next_tick_timer_) return;
    next_tick_timer_ = timer(0, next_tick_timer, std::string(next_tick_timer), [this] {
        next_tick_timer_ = 0;
        while (!queued_.empty()) {
            queued_call const first = std::move(queued_.front());
            queued_.pop_front();
            traces::recorder::because_of const queued(trace(), first.because);
            first.call();
        }
    });
}

// Timers of the application: the user timer, a delayed answer, a delayed stop.
bool reactor::of_user(timer_entry const& t) { return t.what == "user" || t.what == "handler" || t.what == "stop"; }

std::size_t reactor::user_timers_left() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(timers_, [](auto const& t) { return t.second.what == "user"; }));
}

std::size_t reactor::due_timers_left() const {
    traces::nanoseconds const now = world_.now();
    return static_cast<std::size_t>(std::ranges::count_if(
        timers_, [&](auto const& t) { return t.second.due <= now && t.second.what != next_tick_timer; }));
}

// --- the loop -------------------------------------------------------------------------------------------------------

bool reactor::run() {
    running_ = true;
    traces::recorder::acting const as_loop(trace(), id);
    trace().emit(kind::loop_start, id);
    for (; running_; before_poll()) {
        if (at_end_of_drain_ && !held()) end_drain();
        else if (watched_.empty() && timers_.empty()) stop("nothing_to_watch");
        else if (!tick()) return false;
    }
    return true;
}

void reactor::stop(std::string_view why, std::string_view cause) {
    traces::field const said[] = {{"why", why}, {"cause", cause}};
    traces::seq_t const told = trace().emit(kind::loop_stopping, id, {}, std::span(said, cause.empty() ? 1 : 2));
    if (std::exchange(running_, false)) stopped_at_ = told;
}

void reactor::drain(callback at_end) { at_end_of_drain_ = std::move(at_end); }

void reactor::end_drain() {
    if (auto const at_end = std::exchange(at_end_of_drain_, {})) at_end();
    stop("drained");
}

bool reactor::held() const {
    auto const holds = [&](auto const& t) { return timers_hold_ && of_user(t.second) && !t.second.recurring; };
    return !watched_.empty() || !queued_.empty() || std::ranges::any_of(timers_, holds);
}

// Returns the milliseconds until the nearest deadline, rounded up, so that the timer is due when the wait ends.
std::int64_t reactor::patience() const {
    if (timers_.empty()) return idle_poll_ms;
    auto const nearest = std::ranges::min_element(timers_, {}, [](auto const& t) { return t.second.due; })->second.due;
    traces::nanoseconds const left = nearest - world_.now();
    return left <= 0 ? 0 : left / traces::millisecond + 1;
}

bool reactor::tick() {
    std::vector<interest> asked;
    asked.reserve(watched_.size());
    for (auto const& [h, w] : watched_) asked.push_back({.on = h, .read = w.read, .write = w.write});
    if (!world_.poll(asked, patience())) return false;
    ++ticks_;
    told_tick_ = false;
    for (arrived_signal s; (s = world_.take_signal()).number;) {
        begin_tick();
        on_signal(s);
    }
    std::erase_if(asked, [](interest const& i) { return !i.readable && !i.writable; });
    if (!asked.empty()) serve(std::move(asked));
    fire_due();
    return true;
}

void reactor::begin_tick() {
    if (!std::exchange(told_tick_, true)) trace().emit(kind::loop_tick, id, {}, {{"number", ticks_}});
}

void reactor::serve(std::vector<interest> ready) {
    begin_tick();
    if (order_ == serve_order::server_first) std::ranges::reverse(ready);
    auto const gone = [&](interest const& i) { return !watched_.contains(i.on); };
    traces::seq_t before = traces::no_seq; // the cause of the order: a decision, or serving the handle before this one
    for (;;) {
        traces::seq_t const next = trace().next();
        auto const first = take_next(ready, gone, "ready", "served");
        if (!first) return;
        traces::recorder::because_of const turn(trace(), trace().next() == next ? before : trace().next() - 1);
        before = serve_one(*first, ready);
    }
}

traces::seq_t reactor::serve_one(interest const& ready, std::vector<interest> const& others) {
    watcher& watched = watched_.at(ready.on);
    std::string name, waiting;
    if (world_.words) {
        name = described(ready);
        for (interest const& i : others) waiting += (waiting.empty() ? "" : ", ") + described(i);
    }
    traces::field const said[] = {{"tick", ticks_}, {"handle", name}, {"before", waiting}};
    traces::recorder::besides const cut_short(trace(), std::exchange(watched.failed, traces::no_seq));
    traces::seq_t const served = trace().emit(kind::loop_serve, id, {}, std::span(said, others.empty() ? 2 : 3));
    traces::recorder::because_of const turn(trace(), served);
    for (bool const writable : {false, true}) {
        if (!(writable ? ready.writable : ready.readable)) continue;
        auto const w = watched_.find(ready.on);
        if (w == watched_.end()) break;
        auto const call = w->second.call; // a copy, because the call may remove the watcher
        traces::seq_t const failed = guarded("I/O watcher", [&] { call(writable); });
        if (auto const still = watched_.find(ready.on); failed != traces::no_seq && still != watched_.end())
            still->second.failed = failed;
    }
    return served;
}

void reactor::fire_due() {
    traces::nanoseconds const now = world_.now();
    std::vector<timer_id> due;
    for (auto const& [t, entry] : timers_)
        if (entry.due <= now) due.push_back(t);
    if (due.empty()) return;
    begin_tick();
    std::ranges::stable_sort(due, {}, [&](timer_id t) { return timers_.at(t).due; });
    auto const not_due = [&](timer_id t) { // removed or restarted by a timer that fired before it
        auto const i = timers_.find(t);
        return i == timers_.end() || i->second.due > now;
    };
    while (auto const next = take_next(due, not_due, "due", "fired")) {
        timer_id const t = *next;
        auto const i = timers_.find(t);
        callback const call = i->second.call;
        traces::recorder::because_of const armed(trace(), i->second.armed);
        traces::seq_t fired = traces::no_seq;
        if (i->second.what != next_tick_timer)
            fired = trace().emit(kind::timer_fire, ref_of(t), id, {{"what", i->second.what}, {"name", i->second.name}});
        traces::recorder::because_of const due_now(trace(), fired);
        if (i->second.recurring) i->second.due = now + i->second.after;
        else timers_.erase(i);
        guarded("Timer", call);
    }
}

template <class call_type> traces::seq_t reactor::guarded(std::string_view what, call_type const& call) {
    try {
        call();
        return traces::no_seq;
    } catch (callback_error const& e) {
        traces::recorder::because_of const thrown(trace(), e.because);
        return trace().emit(kind::loop_error, id, {}, {{"error", std::string(what) + " failed: " + e.message}});
    }
}

// --- decisions ------------------------------------------------------------------------------------------------------

template <class item, class is_gone>
std::optional<item> reactor::take_next(
    std::vector<item>& from, is_gone const& gone, std::string_view list, std::string_view verb) {
    for (;;) {
        std::erase_if(from, gone);
        if (from.empty()) return std::nullopt;
        offered_.clear();
        for (item const& i : from)
            if (offered_.empty() || order_ == serve_order::any) offered_.push_back(offered(i));
        std::size_t const natural = offered_.size();
        if (acts) acts->offer(offered_);
        decided taken;
        if (offered_.size() > 1) taken = world_.choose(offered_);
        else world_.only(offered_.front());
        if (taken.choice >= natural) {
            act(taken);
            continue;
        }
        if (natural > 1) {
            std::string label;
            if (world_.words) {
                label = "tick " + std::to_string(ticks_) + ": " + std::string(list) + " = ";
                for (item const& i : from) label += (&i == &from.front() ? "" : ", ") + described(i);
                label += "; " + std::string(verb) + " " + described(from[taken.choice]) + " first";
            }
            trace().emit(kind::decision, id, {},
                {{"number", taken.number}, {"choice", taken.choice},
                    {"of", static_cast<std::uint64_t>(offered_.size())}, {"label", label}});
        }
        item const next = from[taken.choice];
        from.erase(from.begin() + taken.choice);
        return next;
    }
}

void reactor::act(decided taken) {
    alternative const chosen = offered_[taken.choice];
    trace().emit(kind::decision, chosen.who, {},
        {{"number", taken.number}, {"choice", taken.choice}, {"of", static_cast<std::uint64_t>(offered_.size())},
            {"label", label_of(chosen.what)}});
    acts->take(chosen);
}

void reactor::before_poll() {
    while (acts && running_) {
        bool const idle = acts->idle();
        offered_.clear();
        if (!idle) offered_.push_back({move::loop_polls, id});
        acts->offer(offered_);
        if (offered_.empty() || (!idle && offered_.size() == 1)) return;
        if (offered_.size() == 1) {
            acts->take(alternative(offered_.front()));
            continue;
        }
        decided const taken = world_.choose(offered_);
        if (!idle && taken.choice == 0) return;
        act(taken);
    }
}

alternative reactor::offered(interest const& i) const {
    move const what = i.readable && i.writable ? move::handle_is_read_and_written
        : i.readable                           ? move::handle_is_read
                                               : move::handle_is_written;
    return {what, watched_.at(i.on).whose};
}

alternative reactor::offered(timer_id t) const { return {move::timer_fires, ref_of(t)}; }

std::string reactor::described(interest const& i) const {
    return watched_.at(i.on).name + (i.readable && i.writable ? " read and write" : i.readable ? " read" : " write");
}

std::string reactor::described(timer_id t) const { return timers_.at(t).name; }

} // namespace shutdown_repro::server
