#include "repro/target/act_plan.hpp"
#include <array>
#include <csignal>
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::array<std::string_view, 6> words_of_acts = {"stop", "reload", "upgrade", "recycle", "successor", "none"};
constexpr std::uint32_t workers_of_recycle = 3;

} // namespace

std::string server_order::in_words() const {
    switch (by) {
    case stop_method::signal: return signal_name(signal);
    case stop_method::command: return "a command";
    case stop_method::http: break;
    }
    return http.method + " " + http.path;
}

std::span<std::string_view const> act_names() { return words_of_acts; }
std::string_view name_of(act_kind k) { return words_of_acts[static_cast<std::size_t>(k)]; }

std::string act_plan::in_words() const {
    std::string const name(name_of(what));
    if (what == act_kind::reload || what == act_kind::upgrade)
        return name + " by " + order.in_words() + (then ? ", then " + then->in_words() : "");
    if (what == act_kind::recycle) return name + " by traffic alone";
    return what == act_kind::none ? "no act" : name;
}

act_plan default_act(act_kind what) {
    act_plan plan{.what = what};
    if (what == act_kind::reload) plan.order.signal = SIGHUP;
    if (what == act_kind::upgrade) plan.order.signal = SIGUSR2;
    if (what == act_kind::recycle) plan.times = workers_of_recycle;
    return plan;
}

} // namespace shutdown_repro::repro
