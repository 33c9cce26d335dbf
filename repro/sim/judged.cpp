#include "repro/sim/judged.hpp"

namespace shutdown_repro::repro {

namespace {

// Keeps the numbers of the alternatives only: a decision may have as many as there are clients.
struct remembering final : server::decision_source {
    follow by;
    std::vector<std::uint32_t>& offered;
    remembering(schedule const& s, std::vector<std::uint32_t>& to) : by(s), offered(to) {}
    std::uint32_t choose(std::span<server::alternative const> o) override {
        offered.push_back(static_cast<std::uint32_t>(o.size()));
        return by.choose(o);
    }
};

} // namespace

judged_execution judge_execution(scenario const& s, schedule const& wanted) {
    judged_execution e;
    remembering decide(wanted, e.offered);
    simulator().run(s, decide, e.trace);
    e.judged = traces::judge(e.trace);
    e.taken = decide.by.taken();
    e.diverged = decide.by.diverged();
    return e;
}

} // namespace shutdown_repro::repro
