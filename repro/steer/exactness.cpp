#include "repro/steer/exactness.hpp"
#include <algorithm>
#include "repro/steer/stop_points.hpp"

namespace shutdown_repro::repro::steer {
namespace {

std::uint64_t most_frequent(std::map<std::string, std::uint64_t> const& counts) {
    std::uint64_t most = 0;
    for (auto const& [sequence, count] : counts) most = std::max(most, count);
    return most;
}

std::string joined(std::vector<std::string> const& names) {
    std::string text;
    for (std::string const& name : names) text += name + " ";
    return text;
}

} // namespace

std::vector<std::string> named_steps(traces::trace const& t) {
    std::vector<std::string> names;
    for (traces::event const& e : t.events)
        if (std::string const step(e.text("step")); e.what != traces::kind::process_signal && is_stop_point(step))
            names.push_back(step);
    return names;
}

bool is_of_connection(std::string_view step) { return !step.starts_with("process:") && !step.starts_with("quiet#"); }

void exactness::add(traces::trace const& t) {
    ++executions_;
    std::vector<std::string> const names = named_steps(t);
    ++all_[joined(names)];
    std::map<std::string, std::string> each;
    for (std::string const& name : names)
        if (is_of_connection(name)) each[name.substr(0, name.find('.'))] += name + " ";
    std::string together;
    for (auto const& [connection, steps] : each) together += steps;
    ++by_connection_[together];
}

std::uint64_t exactness::equal_in_all() const { return most_frequent(all_); }
std::uint64_t exactness::equal_by_connection() const { return most_frequent(by_connection_); }

std::string exactness::in_words() const {
    if (executions_ < 2) return {};
    std::string const of = " of " + std::to_string(executions_) + " executions";
    std::string text = "all steps equal in " + std::to_string(equal_in_all()) + of;
    if (equal_in_all() < executions_)
        text += ", those of each connection in " + std::to_string(equal_by_connection()) + of;
    return text;
}

} // namespace shutdown_repro::repro::steer
