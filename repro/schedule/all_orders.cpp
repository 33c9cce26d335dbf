#include "repro/schedule/all_orders.hpp"

namespace shutdown_repro::repro {

std::uint32_t all_orders::choose(std::span<alternative const> offered) {
    if (at_ == path_.size()) path_.push_back({0, static_cast<std::uint32_t>(offered.size())});
    return path_[at_++].choice;
}

bool all_orders::next() {
    at_ = 0;
    while (!path_.empty() && path_.back().choice + 1 == path_.back().of) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().choice;
    return true;
}

} // namespace shutdown_repro::repro
