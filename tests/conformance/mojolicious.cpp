// The second report's system: what each cell lists as its outcome (finish events, per transaction, errors, user timers,
// clients' results, exit, what ended the loop, whether the server was destroyed in it, open connections at its return),
// then the whole list of events of the `ordered` runs, tick by tick.
//
// Live, time goes on while the program works: a timer may be due one tick earlier than in the measured run, so there
// the order of all events is compared, and which tick each was in is advisory.
//
// A run that was killed by its cap shows the firing of a recurring timer as "many"; its firings are left out of the
// events.
#include <algorithm>
#include <map>
#include "repro/live/live.hpp"
#include "server_under_test/http/http.hpp"
#include "tests/conformance/conformance.hpp"

namespace shutdown_repro::conformance {
namespace {

using traces::entity;
using traces::event;
using traces::kind;
using ticks = std::vector<std::vector<std::string>>;

std::string numbered(char letter, traces::ref r) { return letter + std::to_string(r.number); }

std::string count_of(event const& e, char const* key) { return "(" + std::to_string(e.integer(key)) + ")"; }

// One execution in the words of the cells.
class reader {
public:
    reader(traces::trace const& t, json const& params) : capped_(!t.foot->signal.empty()) {
        for (int k = 1; k <= params.at("n").get<int>(); ++k) clients_[std::to_string(k)] = "no callback";
        for (event const& e : t.events) see(e);
    }

    json outcome() const {
        int fired = 0;
        json timers = json::array(), tx = json::object();
        for (auto const& [name, t] : tx_) {
            fired += t.finish > 0;
            tx[name] = {{"request", t.request}, {"respond", t.respond}, {"finish", t.finish},
                {"freed", t.freed ? "in loop" : "not before exit"}};
        }
        for (auto const& [id, u] : user_timers_) {
            bool const recurring = u.recurring;
            json count = u.fired;
            if (recurring && capped_) count = "many";
            timers.push_back({{"name", "U1"}, {"kind", recurring ? "recurring" : "oneshot"}, {"fired", count},
                {"dropped", recurring || u.fired == 0 ? 1 : 0}});
        }
        json o{{"finish_expected", tx_.size()}, {"finish_fired", fired}, {"tx", tx}, {"errors", errors_},
            {"user_timers", timers}, {"clients", clients_}, {"server_destroyed", destroyed_},
            {"stop_called", stop_called_}};
        o["exit"] = capped_ ? json("still running") : json(0);
        o["stop_by"] = capped_ ? "still running" : stop_by_;
        if (!capped_) o["conns_at_return"] = {{"in", in_}, {"out", out_}};
        if (stop_timer_armed_) o["server_side_timer_fired"] = stop_timer_fired_;
        return o;
    }
    ticks const& events() const { return ticks_; }
    bool capped() const { return capped_; }

private:
    struct transaction {
        int request = 0, respond = 0, finish = 0;
        bool freed = false;
    };
    struct user_timer {
        bool recurring = false;
        int fired = 0;
    };
    bool capped_;
    std::map<std::string, transaction> tx_;
    std::map<std::string, std::string> clients_;
    std::map<traces::ref, user_timer> user_timers_;
    std::map<traces::ref, traces::ref> answers_; // by timer
    std::vector<std::string> errors_;
    std::string stop_by_;
    std::int64_t in_ = 0, out_ = 0;
    int destroyed_ = 0, stop_called_ = 0, stop_timer_fired_ = 0;
    bool stop_timer_armed_ = false, new_tick_ = true;
    ticks ticks_;

    void token(std::string t) {
        if (std::exchange(new_tick_, false)) ticks_.emplace_back();
        ticks_.back().push_back(std::move(t));
    }

    void see(event const& e) {
        switch (e.what) {
        case kind::loop_tick: new_tick_ = true; break;
        case kind::connection_open: token(numbered('s', e.id) + ".accepted"); break;
        case kind::client_connected: token(numbered('c', e.id) + ".connected"); break;
        case kind::client_done: called_back(e, std::to_string(e.integer("status")), "full"); break;
        case kind::client_fail: failed(e); break;
        case kind::act_stop:
            stop_called_ = 1;
            token("stop.begin");
            break;
        case kind::act_return: token("stop.end"); break;
        case kind::act_free: token("server.undef"); break;
        case kind::server_close: token("server.stop"); break;
        case kind::server_destroy:
            destroyed_ = 1;
            token("server.destroy" + count_of(e, "connections"));
            break;
        case kind::loop_stop_gracefully: token("loop.stop_gracefully" + count_of(e, "incoming")); break;
        case kind::loop_finish: token("loop.finish_event"); break;
        case kind::loop_error:
            errors_.emplace_back(e.text("error"));
            token("reactor.error: " + errors_.back());
            break;
        case kind::loop_stopping:
            if (stop_by_.empty())
                stop_by_ = std::string(e.text("why")) + (e.find("cause") ? ":" + std::string(e.text("cause")) : "");
            token("reactor.stop:" + std::string(e.text("why")));
            break;
        case kind::loop_stop:
            in_ = e.integer("in");
            out_ = e.integer("out");
            token("loop.returned");
            break;
        case kind::timer_arm:
        case kind::timer_fire: see_timer(e); break;
        default:
            if (e.id.type == entity::stream) see_stream(e);
            else if (e.id.type == entity::request) see_request(e);
        }
    }

    void see_stream(event const& e) {
        std::string const x = numbered(e.parent.type == entity::client ? 'c' : 's', e.parent);
        switch (e.what) {
        case kind::stream_queue:
            token(x + ".queue(" + (e.integer("bytes") ? "data" : "empty") + (e.integer("drain") ? "+drain)" : ")"));
            break;
        case kind::stream_write: token(x + ".wrote"); break;
        case kind::stream_read: token(x + ".read"); break;
        case kind::stream_drain: token(x + ".drain" + count_of(e, "subscribers")); break;
        case kind::stream_timeout: token(x + ".timeout"); break;
        case kind::stream_close_gracefully:
            token(x + ".close_gracefully(" + (e.integer("writing") ? "writing)" : "idle)"));
            break;
        case kind::stream_close: token(x + ".closed:" + std::string(e.text("how"))); break;
        default: break;
        }
    }

    void see_request(event const& e) {
        std::string const name = numbered('t', e.id);
        transaction& t = tx_[name];
        switch (e.what) {
        case kind::request_open: token(name + ".build"); break;
        case kind::request_begin:
            ++t.request;
            token(name + ".handler");
            break;
        case kind::request_finish:
            ++t.finish;
            token(name + ".finish");
            break;
        case kind::request_free: t.freed = true; break;
        case kind::request_respond: // a late answer is told by its timer, the framework's is not the handler's
            if (e.integer("part") > 0) token(name + ".chunk_drain" + std::to_string(e.integer("part")));
            else if (!e.integer("framework") && !answers_late(e.id)) ++t.respond, token(name + ".respond");
            break;
        default: break;
        }
    }

    bool answers_late(traces::ref request) const {
        return std::ranges::any_of(answers_, [&](auto const& a) { return a.second == request; });
    }

    void see_timer(event const& e) {
        std::string_view const what = e.text("what");
        bool const fires = e.what == kind::timer_fire;
        if (what == "user") {
            if (!fires) user_timers_[e.id].recurring = e.integer("recurring") != 0;
            else ++user_timers_[e.id].fired;
            token(fires ? "U1.fired" : "U1.armed");
        } else if (what == "stop") {
            (fires ? stop_timer_fired_ = 1 : stop_timer_armed_ = true);
            if (fires) token("T.fired");
        } else if (what == "handler") {
            if (!fires) {
                answers_[e.id] = e.by;
            } else {
                std::string const name = numbered('t', answers_.at(e.id));
                ++tx_[name].respond;
                token(name + ".respond");
            }
        }
    }

    void failed(event const& e) {
        std::string_view const how = e.text("how");
        if (e.integer("status"))
            return called_back(e, std::to_string(e.integer("status")), e.integer("body") ? "partial" : "empty");
        told(e,
            std::string("none/") +
                (how == "timeout"          ? "Inactivity timeout"
                        : how == "refused" ? "Connection refused"
                                           : "Premature connection close"));
    }

    void called_back(event const& e, std::string const& status, std::string const& body) {
        std::string const message =
            status[0] >= '4' ? "/" + std::string(server::http::reason_of(std::stoi(status))) : "";
        told(e, status + message + "/" + body);
    }

    void told(event const& e, std::string const& result) {
        std::string const k = std::to_string(e.id_of("request").number);
        clients_[k] = result;
        token("cb" + k + ":" + result);
    }
};

repro::scenario scenario_of(json const& cell) {
    json const& p = cell.at("params");
    json doc{{"scenario", "cell"}, {"server", "reactor"}, {"connections", p.at("n")},
        {"close", p.at("conn") == "close"}, {"handler", p.at("handler")}, {"timer", p.at("timers")},
        {"when", p.at("when")}, {"what", p.at("what")},
        {"order", p.at("order") == "asc" ? "client-first" : "server-first"}};
    return repro::scenario_from_text(doc.dump(), "cell");
}

ticks without_firings(ticks all) {
    for (auto& tick : all) std::erase_if(tick, [](std::string const& t) { return t.starts_with("U1.fired"); });
    std::erase_if(all, [](auto const& tick) { return tick.empty(); });
    return all;
}

std::vector<std::string> flat(ticks const& all) {
    std::vector<std::string> events;
    for (auto const& tick : all) events.insert(events.end(), tick.begin(), tick.end());
    return events;
}

std::string first_difference(ticks const& real, ticks const& mine) {
    for (std::size_t i = 0; i < std::max(real.size(), mine.size()); ++i) {
        std::vector<std::string> const none, &a = i < real.size() ? real[i] : none,
                                             &b = i < mine.size() ? mine[i] : none;
        if (a != b) return "tick " + std::to_string(i + 1) + ": real " + text(a) + ", ours " + text(b);
    }
    return {};
}

differences compare(json const& cell, traces::trace const& t, bool live) {
    reader const ours(t, cell.at("params"));

    differences d;
    json const outcome = ours.outcome();
    for (auto const& [field, real] : cell.at("outcome").items()) {
        if (ours.capped() && field == "conns_at_return") continue; // nothing returned
        json const mine = outcome.contains(field) ? outcome[field] : json();
        if (real != mine) d.counted.push_back(field + ": real " + text(real) + ", ours " + text(mine));
    }
    if (!cell.contains("events_by_tick")) return d;
    ticks real = cell["events_by_tick"], mine = ours.events();
    if (ours.capped()) {
        real = without_firings(std::move(real));
        mine = without_firings(std::move(mine));
    }
    if (live && flat(real) != flat(mine))
        d.counted.push_back("events: real " + text(flat(real)) + ", ours " + text(flat(mine)));
    if (auto const difference = first_difference(real, mine); !difference.empty())
        (live ? d.advisory : d.counted).push_back(difference);
    return d;
}

} // namespace

differences compare_mojolicious(json const& cell, repro::simulator& sim) {
    repro::follow in_order{repro::schedule{}};
    traces::trace t;
    sim.run(scenario_of(cell), in_order, t);
    return compare(cell, t, false);
}

differences compare_mojolicious_live(json const& cell) {
    return compare(
        cell, repro::run_live(scenario_of(cell), {.server_path = SERVER_UNDER_TEST, .partial_path = {}}), true);
}

} // namespace shutdown_repro::conformance
