#include "traces/views/causes.hpp"
#include <algorithm>
#include <set>

namespace shutdown_repro::traces {

bool is_act(kind what) { return what == kind::act_stop || what == kind::act_free || what == kind::process_signal; }

causes::causes(trace const& t) : events_(t) {
    auto const act = std::find_if(t.events.begin(), t.events.end(), [](event const& e) { return is_act(e.what); });
    if (act != t.events.end()) first_act_ = &*act;
}

way causes::way_to(violation const& v) const {
    std::set<event const*> steps;
    std::vector<event const*> todo;
    auto const add = [&](seq_t seq, bool walk) {
        event const* e = events_.find(seq);
        if (e && steps.insert(e).second && walk && !is_act(e->what)) todo.push_back(e);
    };
    add(v.at, true);
    for (seq_t w : v.witness) add(w, first_act_ && w >= first_act_->seq);
    while (!todo.empty()) {
        event const* e = todo.back();
        todo.pop_back();
        for (seq_t why : e->because) add(why, !first_act_ || why >= first_act_->seq || e->seq < first_act_->seq);
    }
    for (event const* e : std::vector<event const*>(steps.begin(), steps.end()))
        for (seq_t why : e->because)
            if (event const* choice = events_.find(why); choice && choice->what == kind::decision) steps.insert(choice);
    bool const has_act = std::any_of(steps.begin(), steps.end(), [](event const* e) { return is_act(e->what); });
    if (!has_act && first_act_ && first_act_->seq < v.at) steps.insert(first_act_);
    return {steps.begin(), steps.end()}; // events lie in their trace in order, and so do their addresses
}

} // namespace shutdown_repro::traces
