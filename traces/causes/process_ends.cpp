#include "traces/causes/process_ends.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {

void process_ends::note(event const& e) {
    ref const request = e.id_of("request");
    switch (e.what) {
    case kind::client_send:
        if (!stopped_ && request && e.text("part") != "head-half") open_.insert(request);
        break;
    case kind::client_done: answered_ += open_.erase(request); break;
    case kind::client_fail:
        if (!stopped_) open_.erase(request);
        break;
    case kind::act_stop:
    case kind::process_signal:
        if (stopped_ || (e.what == kind::process_signal && !e.integer("stop"))) break;
        stopped_ = true;
        stopped_at_ = e.t;
        were_open_ = open_.size();
        answered_ = 0;
        break;
    case kind::process_exit: {
        if (!stopped_) break;
        std::size_t const missing = were_open_ - answered_;
        if (e.t == stopped_at_ && !missing) break; // nothing to say
        std::string& words = words_[e.seq];
        words = duration(elapsed(stopped_at_, e.t)) + " after the stop";
        if (missing)
            words += ", when " + std::to_string(missing) + " of the " + counted(were_open_, "request") + " that " +
                (were_open_ == 1 ? "was" : "were") + " open at the stop had no complete response";
        break;
    }
    default: break;
    }
}

std::string process_ends::in_words(seq_t seq) const {
    auto const found = words_.find(seq);
    return found == words_.end() ? "" : found->second;
}

} // namespace shutdown_repro::traces
