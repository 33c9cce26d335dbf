#include "repro/schedule/all_orders.hpp"

namespace shutdown_repro::repro {

std::uint32_t all_orders::choose(std::span<server::alternative const> offered) {
    if (at_ == path_.size()) path_.push_back({0, static_cast<std::uint32_t>(offered.size())});
    return path_[at_++].choice;
}

bool all_orders::next() {
    at_ = 0;
    return advance(path_);
}

} // namespace shutdown_repro::repro
