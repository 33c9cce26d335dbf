// Statistics of a trace: number of events of each kind, lifetimes of coroutines and requests, longest waits, most
// active actors. Streams: memory is proportional to the number of actors.
#pragma once
#include <array>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>
#include "traces/model/model.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {

class stats {
public:
    void on_event(event const&);
    std::string text(text_style) const;

private:
    struct life {
        nanoseconds since = 0;
        std::string name;
    };
    struct wait {
        nanoseconds lasted = 0;
        seq_t from = 0;
        std::string who, on;
        bool over = true;
    };
    struct lives {
        std::unordered_map<ref, life> open;
        std::vector<nanoseconds> ended;
    };

    void begin(lives&, event const&);
    void end(lives&, event const&);
    void wait_ends(ref, nanoseconds now, bool over, std::vector<wait>& longest) const;
    std::string lifetimes(std::string_view title, lives const&, text_style) const;
    std::string counts(text_style) const;
    std::string waits(text_style) const;
    std::string actors(text_style) const;

    std::map<std::string, std::uint64_t> kinds_;
    lives coroutines_, requests_;
    std::unordered_map<ref, wait> waiting_; // `lasted` is since when
    std::vector<wait> longest_;
    std::unordered_map<ref, std::uint64_t> acted_;
    std::unordered_map<ref, std::string> names_;
    nanoseconds first_ = 0, last_ = 0;
    std::uint64_t events_ = 0;
};

} // namespace shutdown_repro::traces
