// The coverage of an exploration: the phase of each request at stop and at free, the number of steps at which stop and
// free were called, and the number of orders.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>
#include "repro/explore/strategy.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::repro {

class coverage {
public:
    explicit coverage(terrain const&);
    void begin();
    void saw(traces::event const& e) {
        if (noted.contains(e.what)) note(e);
    }
    void decided(std::span<server::alternative const> offered, std::uint32_t choice);
    void end(); // ends an execution that counts
    // Instead of end(): appends what the execution has covered to a log, which add() counts later or never.
    void end(std::vector<std::uint32_t>& log) const;
    void add(std::span<std::uint32_t const> log);
    void add(coverage const&); // adds the coverage of another worker

    struct moment {
        std::uint64_t reached = 0, of = 0;
    };
    moment phases() const; // counts requests x phases x (at stop, at free)
    // Returns the first combinations never reached, such as "request:3 waiting at free".
    std::vector<std::string> never(std::size_t most) const;
    moment stop_steps() const { return steps(0); } // counts steps of the default order
    moment free_steps() const { return steps(1); }
    std::uint64_t orders() const; // number of distinct orders; an estimate above about 100,000
    bool many_orders() const { return orders() > 100'000; }

private:
    static constexpr std::uint32_t most_requests = 64; // a larger table would not help a reader
    enum phase : std::uint32_t { not_connected, connected, sent, begun, answered, finished, over, waiting };
    // The kinds that move a request to another phase, or at which the phases count.
    static constexpr traces::kind_set noted{traces::kind::client_connected, traces::kind::client_send,
        traces::kind::client_done, traces::kind::client_fail, traces::kind::request_begin,
        traces::kind::request_respond, traces::kind::request_finish, traces::kind::coroutine_spawn,
        traces::kind::coroutine_suspend, traces::kind::act_stop, traces::kind::act_free};
    void note(traces::event const&);
    std::string name(std::uint32_t request, std::uint32_t phase) const;
    void advance(std::uint32_t request, std::uint32_t to);
    moment steps(std::size_t which) const;
    std::uint32_t order_bit() const;
    void add_order(std::uint32_t bit);

    std::uint32_t requests_, per_connection_;
    std::vector<std::uint32_t> phases_;         // number of phases of each request
    std::vector<std::uint32_t> now_;            // current phase of each request; waiting + k means its k-th wait
    std::vector<std::uint32_t> handlers_;       // number of the request of each coroutine
    std::vector<std::vector<bool>> reached_[2]; // at stop, at free
    std::vector<bool> at_step_[2];
    std::vector<std::uint64_t> orders_; // a bitmap: linear counting (Whang, Vander-Zanden, Taylor 1990)
    std::uint64_t orders_set_ = 0;      // number of its bits that are set
    std::vector<std::uint32_t> snapshot_[2];
    std::uint32_t step_ = 0, acted_at_[2] = {};
    std::uint64_t order_ = 0;
};

} // namespace shutdown_repro::repro
