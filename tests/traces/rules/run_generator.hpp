// Draws runs of a real server as its clients and the process table see them: processes that become ready, clients of
// every role, a stop or another act, and what remains. Some runs are in a proper order, some in hardly any.
#pragma once
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

class run_generator {
public:
    // The same seed draws the same trace.
    explicit run_generator(std::uint64_t seed) : random_(seed) {}
    trace draw();

private:
    // What most runs of a kind have in common, so that rare rules have a good share of them.
    enum class topic : std::uint8_t { any, startup, deaf, wrapper, kept, kill };
    struct client {
        bool connected = false, gone = false, half = false, posts = false, answered = false;
        std::string_view role;
        ref request; // that waits for its response
        std::int64_t received = 0, stream = 0;
    };

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    bool chance(std::uint32_t percent) { return below(100) < percent; }
    template <class T> T one_of(std::initializer_list<T> list) {
        return list.begin()[below(static_cast<std::uint32_t>(list.size()))];
    }
    std::string_view word(std::initializer_list<std::string_view> list) { return one_of(list); }

    void tell(kind, ref, std::vector<field> const& detail = {}, ref parent = {});
    void pass_time(); // by nothing, or across one of the limits that the sentences name

    void start();
    void stop_or_act();
    void stop_again();
    void signal_to_a_process();
    void after_the_stop();
    void prints();
    void exits(ref process);
    void what_is_left();
    void some_process_event();
    void clients_act(std::uint32_t times);
    void client_event();
    void connects(client&, ref);
    void sends(client&, ref);
    void receives(client&, ref);
    void is_done(client&, ref);
    void fails(client&, ref);
    void gives_up();
    void ends(client&, ref);
    void is_closed_unread(client const&, ref);
    std::vector<field> of_stream(client const&) const;

    std::mt19937_64 random_;
    std::uint32_t missteps_ = 0; // percent
    std::uint32_t processes_ = 1, requests_ = 0;
    std::string_view role_; // of most clients in this run
    topic about_ = topic::any;
    std::map<ref, client> clients_;
    std::set<ref> exited_;
    std::uint32_t most_clients_ = 1;
    bool stopped_ = false, frozen_ = false, http2_ = false, act_ = false;
    trace drawn_;
    nanoseconds now_ = 0;
};

} // namespace shutdown_repro::traces
