// exhaustive: every schedule up to equivalence, depth first, with sleep sets (Godefroid: Partial-order methods for the
// verification of concurrent systems, LNCS 1032, 1996, chapter 5).
//
// A step lasts from one look at the outside to the next: one external event, then all ready work of the server in the
// loop's own order, with the places at which stop or free were called. Its footprint (footprint.hpp) is read from the
// events that it recorded.
//
// Why nothing is missed. Let s be a state and t a step from it that was explored completely. When another step u from s
// is explored next, and t does not depend on u, every execution that begins u t … equals one that begins t u … with two
// neighbors exchanged: it has the same state and the same events in the order of each thing, and therefore the same
// violations, which do not depend on the order of unrelated events. So below u the step t sleeps until something that
// depends on it has happened. A step that only time brings is offered only when nothing else outside can happen, so no
// step enables or prevents an independent one. Sleep sets prune transitions, never states, and need no knowledge of a
// step before it was taken once. tests/proofs/exhaustive_test.cpp compares with plain enumeration: the same violations
// and the same final states.
//
// Several workers search the same tree. A subtree at a fixed depth belongs to one of them, and the others turn back
// there. What is below does not depend on who searches it: the sleeping steps on arrival follow from the path alone.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>
#include "repro/explore/footprint.hpp"
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t shared_depth = 7; // number of looks at the outside that every worker searches

// Identifies a step: its first alternative, its number among those with the same name, and where stop and free were
// called in it.
struct step {
    server::alternative first;
    std::uint32_t nth = 0;
    std::array<std::uint32_t, 2> calls{}; // place in the step * 4 + choice; 0 for none
    friend bool operator==(step const&, step const&) = default;
};

struct known_step {
    step what;
    footprint touched;
};

// A decision on the current path.
struct node {
    bool outside = true; // true for a look at the outside, which begins a step; false for a place within a step
    std::uint32_t offers = 1, choice = 0;
    std::vector<server::alternative> offered; // for a look: the alternatives
    std::vector<known_step> sleeping;         // for a look: the steps that slept on arrival, and those explored since
    footprint touched;                        // footprint of the step that begins here, as last taken

    void reset(bool is_outside, std::uint32_t n) {
        outside = is_outside;
        offers = n;
        choice = 0;
        offered.clear();
        sleeping.clear();
        touched.clear();
    }
    step begins_with() const {
        return {offered[choice],
            static_cast<std::uint32_t>(std::count(offered.begin(), offered.begin() + choice, offered[choice])), {}};
    }
};

class exhaustive final : public strategy {
public:
    exhaustive(terrain const& t, share s, bool reduce) : touch_(*t.of), mine_(s), reduce_(reduce) {}

    void divide(division& by) override { division_ = &by; }

    bool begin(std::uint64_t) override {
        if (begun_) settle();
        if (std::exchange(begun_, true) && !advance()) return false;
        at_ = looks_ = 0;
        look_ = none;
        ended_ = true;
        settled_ = !divided();
        touch_.begin();
        return true;
    }

    std::uint32_t choose(std::span<server::alternative const> offered) override {
        // The server works before the first look at the outside: the first step begins there.
        return offered[0].what == server::move::server_runs && look_ != none ? within(offered) : look(offered);
    }
    void only(server::alternative const& a) override { look({&a, 1}); }
    void saw(traces::event const& e) override { touch_.saw(e, remembers() ? &nodes_[look_].touched : nullptr); }
    bool mine() override {
        settle();
        return takes_;
    }

private:
    static constexpr std::size_t none = ~std::size_t{0};

    bool divided() const { return division_ || mine_.count > 1; }
    bool takes_next_piece() {
        ++piece_;
        return takes_ = division_ ? division_->takes(piece_) : piece_ % mine_.count == mine_.index;
    }
    // An execution that has ended above all subtrees is a piece of its own.
    void settle() {
        if (!std::exchange(settled_, true)) takes_next_piece();
    }

    bool remembers() const { return reduce_ && look_ != none && look_ >= changed_look_; }

    std::uint32_t look(std::span<server::alternative const> offered) {
        if (++looks_ == shared_depth && divided()) turn_back_unless_mine();
        if (at_ == used_) arrive(offered);
        look_ = at_++;
        node& n = nodes_[look_];
        if (remembers()) {
            n.touched.clear();
            touch_.step(n.offered[n.choice], n.touched);
        }
        return n.choice;
    }

    // Between two pieces of the server's ready work: go on, or stop, or free.
    std::uint32_t within(std::span<server::alternative const> offered) {
        if (at_ == used_) push(false, static_cast<std::uint32_t>(offered.size()));
        return nodes_[at_++].choice;
    }

    node& push(bool outside, std::uint32_t offers) {
        if (used_ == nodes_.size()) nodes_.emplace_back();
        nodes_[used_].reset(outside, offers);
        return nodes_[used_++];
    }

    void arrive(std::span<server::alternative const> offered) {
        // A sleeping step was explored elsewhere, with everything behind it.
        if (reduce_ && look_ != none && sleeps(nodes_[look_], step_from(look_))) abandon();
        node& n = push(true, static_cast<std::uint32_t>(offered.size()));
        n.offered.assign(offered.begin(), offered.end());
        if (reduce_ && look_ != none)
            for (known_step const& k : nodes_[look_].sleeping)
                if (k.touched.independent_of(nodes_[look_].touched)) n.sleeping.push_back(k);
        if (!skip_sleeping(n)) abandon();
    }
    [[noreturn]] void abandon() {
        ended_ = false;
        throw abandoned{};
    }

    void turn_back_unless_mine() {
        settled_ = true;
        // The path to here differs from that of the execution before: another subtree.
        if (changed_ < at_ || at_ == 0) takes_next_piece();
        if (takes_) return;
        used_ = at_; // treats everything below as explored
        throw abandoned{};
    }

    static bool sleeps(node const& n, step const& s) {
        return std::ranges::any_of(n.sleeping, [&](known_step const& k) { return k.what == s; });
    }

    // Moves to the next choice that does not sleep; returns false when there is none. If stop or free may still be
    // called within a step, the step is known only once it was taken.
    bool skip_sleeping(node& n) const {
        if (std::ranges::any_of(n.offered, [](server::alternative const& a) { return is_stop(a) || is_free(a); }))
            return n.choice < n.offers;
        while (n.choice < n.offers && sleeps(n, n.begins_with())) ++n.choice;
        return n.choice < n.offers;
    }

    std::size_t look_above(std::size_t i) const {
        while (!nodes_[i].outside) --i;
        return i;
    }
    step step_from(std::size_t look) const {
        step s = nodes_[look].begins_with();
        std::size_t calls = 0;
        for (std::size_t i = look + 1; i < used_ && !nodes_[i].outside; ++i)
            if (nodes_[i].choice && calls < s.calls.size())
                s.calls[calls++] = static_cast<std::uint32_t>(i - look) * 4 + nodes_[i].choice;
        return s;
    }
    // Returns the step that begins at this look, with its calls.
    void explored(std::size_t look) {
        if (reduce_) nodes_[look].sleeping.push_back({step_from(look), nodes_[look].touched});
    }

    // Moves to the next path: the deepest decision with another choice takes it. Returns false when there is none.
    bool advance() {
        if (ended_ && used_ > 0) explored(look_above(used_ - 1));
        for (; used_ > 0; --used_) {
            node& n = nodes_[used_ - 1];
            ++n.choice;
            if (n.outside ? skip_sleeping(n) : n.choice < n.offers) {
                changed_ = used_ - 1;
                changed_look_ = look_above(changed_);
                return true;
            }
            if (n.outside && used_ > 1) {
                --used_; // removes the step that led here
                explored(look_above(used_ - 1));
                ++used_;
            }
        }
        return false;
    }

    footprint_reader touch_;
    share mine_;
    division* division_ = nullptr;
    bool reduce_, begun_ = false, ended_ = true;
    bool settled_ = true, takes_ = true;  // whether it is known who counts this execution; whether this worker does
    std::vector<node> nodes_;             // recycled; the first used_ nodes are the path
    std::size_t used_ = 0, at_ = 0;       // length of the path; current place of the execution on it
    std::size_t look_ = none, looks_ = 0; // where the current step began; number of looks so far
    std::size_t changed_ = 0, changed_look_ = 0; // from here on the path differs from that of the execution before
    std::uint64_t piece_ = 0;                    // number of the current piece
};

std::string guarantee(terrain const&, effort const& e, std::string_view up_to) {
    if (!e.complete || e.violating > 0) return {};
    return "all " + with_commas(e.executions) + " schedules of this scenario" + std::string(up_to) + ": no violation";
}

} // namespace

strategy_info exhaustive_strategy() {
    return {
        .name = "exhaustive",
        .summary = "every schedule up to equivalence",
        .make = [](terrain const& t, std::uint64_t, share s) -> std::unique_ptr<strategy> {
            return std::make_unique<exhaustive>(t, s, true);
        },
        .guarantee = [](terrain const& t, effort const& e) { return guarantee(t, e, " up to equivalence"); },
        .wants_events = true,
        .draws = false,
        .tree = true,
    };
}

strategy_info plain_strategy() {
    return {
        .name = "plain",
        .summary = "every schedule, one by one; a reference for exhaustive",
        .make = [](terrain const& t, std::uint64_t, share s) -> std::unique_ptr<strategy> {
            return std::make_unique<exhaustive>(t, s, false);
        },
        .guarantee = [](terrain const& t, effort const& e) { return guarantee(t, e, ""); },
        .wants_events = false,
        .draws = false,
        .tree = true,
    };
}

} // namespace shutdown_repro::repro
