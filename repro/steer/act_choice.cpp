#include "repro/steer/act_choice.hpp"
#include <algorithm>
#include "repro/input/errors.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::uint64_t one_stop_in = 12; // of the points at which a stop is possible, at random

bool is_stop_option(std::string_view option) { return option == stop_pending || option == stop_handled; }

} // namespace

std::string to_string(act_order const& order) {
    std::string text;
    for (placed_act const& p : order) text += (text.empty() ? "" : ",") + p.step + "=" + p.act;
    return text;
}

act_order parse_act_order(std::string_view text) {
    act_order order;
    while (!text.empty()) {
        std::string_view const one = text.substr(0, text.find(','));
        std::size_t const equals = one.find('=');
        if (equals == one.npos || equals == 0 || equals + 1 == one.size())
            throw input_error("--schedule: \"" + std::string(one) +
                "\" is not STEP=ACT; a report of explore --target --strategy orders prints such schedules");
        order.push_back({std::string(one.substr(0, equals)), std::string(one.substr(equals + 1))});
        text.remove_prefix(std::min(one.size() + 1, text.size()));
    }
    return order;
}

taken_acts acts_taken_in(traces::trace const& t) {
    taken_acts taken;
    for (traces::event const& e : t.events) {
        std::string const at(e.text("at")), label(e.text("label"));
        if (e.what == traces::kind::process_signal && e.integer("stop")) break;
        if (e.what != traces::kind::decision || at.empty() || label == goes_on) continue;
        if (!is_stop_option(label)) {
            taken.acts.push_back({at, label});
            continue;
        }
        taken.stop_at = at;
        taken.stop_first = label == stop_handled;
    }
    return taken;
}

// --- by name ---------------------------------------------------------------------------------------------------------

std::size_t follow_acts::choose(act_point const& p) {
    if (next_ == order_.size() || order_[next_].step != p.step) return 0;
    auto const found = std::ranges::find(p.options, order_[next_].act);
    if (found == p.options.end()) return 0;
    ++next_;
    return static_cast<std::size_t>(found - p.options.begin());
}

std::string follow_acts::trouble() const {
    if (next_ == order_.size()) return {};
    return order_[next_].act + " was not possible before " + order_[next_].step + " of this execution";
}

// --- all -------------------------------------------------------------------------------------------------------------

std::size_t all_act_orders::choose(act_point const& p) {
    if (depth_ == path_.size()) path_.push_back({p, 0});
    node& n = path_[depth_];
    if (n.at.step != p.step || n.at.options != p.options) {
        if (trouble_.empty()) trouble_ = "the server did not come to " + n.at.step + " again as before";
        path_.resize(depth_);
        path_.push_back({p, 0});
    }
    return path_[depth_++].chosen;
}

// What lies behind the depth of the last execution was not reached by it, and is not reached by the next.
bool all_act_orders::next() {
    path_.resize(std::min(depth_, path_.size()));
    depth_ = 0;
    trouble_.clear();
    while (!path_.empty() && path_.back().chosen + 1 == path_.back().at.options.size()) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().chosen;
    return true;
}

// --- at random -------------------------------------------------------------------------------------------------------

std::size_t random_acts::choose(act_point const& p) {
    std::vector<std::size_t> acts, stops;
    for (std::size_t i = 0; i < p.options.size(); ++i) (is_stop_option(p.options[i]) ? stops : acts).push_back(i);
    bool const stops_now = !stops.empty() && (acts.empty() || random_() % one_stop_in == 0);
    std::vector<std::size_t> const& from = stops_now ? stops : acts;
    return from[random_() % from.size()];
}

} // namespace shutdown_repro::repro::steer
