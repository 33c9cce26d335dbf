// What went wrong, without whom it went wrong for: the rule, and the kinds and names in the witness, with no number in
// them and no id that an execution draws. Two executions that violate alike have one fingerprint, whatever their
// schedules. It is the same on every machine: addresses and the folders of files are no part of it either.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

// "scope-disposed-nonempty scope(request:#): act.free coroutine.finish(handler of GET /#) …"
std::string fingerprint(trace const&, violation const&);

// The same in 64 bits, from events as they come: for explorations, which do not keep the events.
class fingerprinter {
public:
    void begin();
    void saw(event const& e) {
        if (e.seq >= events_.size()) events_.resize(e.seq + 64);
        events_[e.seq] = {e.what, e.id};
        count_ = e.seq + 1;
        if (has_a_name(e.what)) learn_name(e);
    }
    std::uint64_t of(violation const&) const;

private:
    struct seen {
        kind what = kind::other;
        ref id = {};
    };
    static bool has_a_name(kind what) {
        using enum kind;
        return what == scope_open || what == coroutine_spawn || what == server_open || what == timer_arm ||
            what == hook_add;
    }
    void learn_name(event const&);
    std::uint64_t hash_of(std::string_view name);
    std::vector<seen> events_;                       // by sequence number; as large as the longest execution
    seq_t count_ = 0;                                // of them
    std::vector<std::uint64_t> names_[entity_count]; // the hash of its name, by number
    // Hashes of names: all executions of an exploration have the same few.
    struct known_name {
        std::string text;
        std::uint64_t hash = 0;
    };
    std::array<known_name, 64> known_names_;
    mutable std::vector<std::uint64_t> parts_; // of()'s, kept for its capacity
};

} // namespace shutdown_repro::traces
