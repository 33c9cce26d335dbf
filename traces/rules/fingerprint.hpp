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
        if (e.seq >= events_.size()) [[unlikely]]
            make_room(e.seq);
        events_[e.seq] = {e.what, e.id.type, e.id.number};
        count_ = e.seq + 1;
        if (with_name.contains(e.what)) learn_name(e);
    }
    std::uint64_t of(violation const&) const;

private:
    struct seen {
        kind what = kind::other;
        entity type = entity::none;
        std::uint32_t number = 0;
    };
    // The kinds whose subjects have names.
    static constexpr kind_set with_name{
        kind::scope_open, kind::coroutine_spawn, kind::server_open, kind::timer_arm, kind::hook_add};
    void make_room(seq_t);
    void learn_name(event const&);
    std::uint64_t hash_of(std::string_view name);
    std::vector<seen> events_; // by sequence number; as large as the longest execution
    seq_t count_ = 0;          // of them
    struct given_name {
        std::uint64_t hash = 0, execution = 0;
    };
    std::uint64_t execution_ = 1;                 // names of earlier ones are not valid
    std::vector<given_name> names_[entity_count]; // by number
    // Hashes of names: all executions of an exploration have the same few.
    struct known_name {
        std::string text;
        std::uint64_t hash = 0;
    };
    std::array<known_name, 64> known_names_;
    mutable std::vector<std::uint64_t> parts_; // of()'s, kept for its capacity
};

} // namespace shutdown_repro::traces
