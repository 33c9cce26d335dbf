// phase: a shutdown bug seldom depends on the whole order, but on the progress of each request at stop and at free. So
// this strategy draws the progress of each connection at stop and at free. Every second execution draws all of it
// uniformly; the others put all connections at an extreme (not begun, finished, or either) and let one to three
// deviate. Steps are then taken in random order, but only by connections that have not reached their mark. In every
// eighth execution free comes before stop.
//
// Because it draws phases instead of steps, rare situations (one request in flight while the others have finished, one
// that arrives last) occur every few dozen executions, where a random order needs thousands
// (tests/bench/bench_search.cpp).
#include <algorithm>
#include <vector>
#include "repro/explore/random.hpp"
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::repro {
namespace {

class phase final : public strategy {
public:
    phase(terrain const& t, std::uint64_t seed)
        : of_(t),
          seed_(seed),
          done_(t.connections + 1),
          at_first_(done_.size()),
          at_second_(done_.size()) {}

    bool begin(std::uint64_t n) override {
        random_ = random_numbers(seed_, n);
        std::ranges::fill(done_, 0);
        stage_ = stage::first_act;
        inside_ = false;
        free_first_ = random_.below(8) == 0;
        n % 2 ? draw_extremes() : draw_all();
        return true;
    }

    std::uint32_t choose(std::span<server::alternative const> offered) override {
        std::uint32_t const place = next(offered);
        server::alternative const& taken = offered[place];
        if (is_stop(taken) || is_free(taken)) stage_ = stage_ == stage::first_act ? stage::second_act : stage::after;
        else ++done_[connection(taken)];
        return place;
    }
    void only(server::alternative const& a) override { ++done_[connection(a)]; }

private:
    enum class stage : std::uint8_t { first_act, second_act, after }; // what comes next

    std::uint32_t connection(server::alternative const& a) const {
        std::uint32_t const c = connection_of(*of_.of, a.who);
        return c < done_.size() ? c : 0;
    }

    void draw(std::uint32_t i) {
        std::uint32_t const whole = of_.progress[i];
        at_first_[i] = random_.below(whole + 1);
        at_second_[i] = random_.coin() ? at_first_[i] : at_first_[i] + random_.below(whole - at_first_[i] + 1);
    }
    void draw_all() {
        for (std::uint32_t i = 1; i < done_.size(); ++i) draw(i);
    }
    void draw_extremes() {
        std::uint32_t const mode = random_.below(3); // not begun, finished, or either
        for (std::uint32_t i = 1; i < done_.size(); ++i)
            at_first_[i] = at_second_[i] = mode == 0 ? 0 : mode == 1 || random_.coin() ? of_.progress[i] : 0;
        if (done_.size() < 2) return;
        for (std::uint32_t deviants = 1 + random_.below(3); deviants > 0; --deviants)
            draw(1 + random_.below(static_cast<std::uint32_t>(done_.size() - 1)));
    }

    bool behind(std::uint32_t c) const {
        return c > 0 && (stage_ == stage::after || done_[c] < (stage_ == stage::first_act ? at_first_ : at_second_)[c]);
    }

    // Chooses the act that ends the stage once all connections are at their marks, else a connection that is behind.
    std::uint32_t next(std::span<server::alternative const> offered) {
        std::size_t const none = offered.size();
        auto const act = static_cast<std::size_t>(
            std::ranges::find_if(offered, (stage_ == stage::first_act) != free_first_ ? is_stop : is_free) -
            offered.begin());
        if (act < none && all_there()) {
            // In every other execution the act comes between the steps of the work that brought the last one to its
            // mark.
            if (!runs_on(offered[0]) || inside_ || (inside_ = random_.below(4) == 0))
                return static_cast<std::uint32_t>(act);
            return 0;
        }
        if (runs_on(offered[0])) return 0;
        candidates_.clear();
        for (std::uint32_t i = 0; i < none; ++i)
            if (behind(connection(offered[i]))) candidates_.push_back(i);
        if (candidates_.empty())
            for (std::uint32_t i = 0; i < none; ++i)
                if (connection(offered[i]) == 0 && !is_stop(offered[i]) && !is_free(offered[i]))
                    candidates_.push_back(i); // a connection that is behind may need it
        if (candidates_.empty() && act < none) return static_cast<std::uint32_t>(act); // they can't reach their marks
        if (candidates_.empty()) return 0;
        return candidates_[candidates_.size() > 1 ? random_.below(static_cast<std::uint32_t>(candidates_.size())) : 0];
    }
    bool all_there() const {
        for (std::uint32_t i = 1; i < done_.size(); ++i)
            if (behind(i)) return false;
        return true;
    }
    static bool runs_on(server::alternative const& a) { return a.what == server::move::server_runs; }

    terrain const& of_;
    std::uint64_t seed_;
    random_numbers random_;
    stage stage_ = stage::first_act;
    bool inside_ = false, free_first_ = false;
    std::vector<std::uint32_t> done_, at_first_, at_second_; // by connection, 0 unused
    std::vector<std::uint32_t> candidates_;
};

} // namespace

strategy_info phase_strategy() {
    return {
        .name = "phase",
        .summary = "how far each request is at stop and at free is drawn, half uniform, half extremes with one to "
                   "three deviants",
        .make = [](terrain const& t, std::uint64_t seed, share) -> std::unique_ptr<strategy> {
            return std::make_unique<phase>(t, seed);
        },
        .guarantee = [](terrain const&, effort const& e) { return sampled_guarantee(e, "phase-mixed schedules"); },
        .wants_events = false,
        .draws = true,
    };
}

} // namespace shutdown_repro::repro
