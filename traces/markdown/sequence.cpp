#include "traces/markdown/sequence.hpp"
#include <algorithm>
#include "traces/markdown/escape.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t widest_message = 60;

class diagram {
public:
    void step(event const& e) {
        ref const to = e.id ? e.id : e.by, from = e.by ? e.by : e.parent ? e.parent : to;
        std::string const sender = participant(from), receiver = participant(to); // in the order in which they appear
        messages_ += "    " + sender + "->>" + receiver + ": " + std::to_string(e.seq) + " " +
            mermaid_label(phrase(e), widest_message) + "\n";
    }
    void note(event const& e, std::string_view words) {
        messages_ +=
            "    Note over " + participant(e.id ? e.id : e.by) + ": " + mermaid_label(words, widest_message) + "\n";
    }
    void gap(std::size_t left_out) {
        if (!who_.empty()) messages_ += "    Note over p0: " + std::to_string(left_out) + " steps in between\n";
    }
    std::string text() const {
        std::string out = "sequenceDiagram\n";
        for (std::size_t i = 0; i < who_.size(); ++i)
            out += "    participant p" + std::to_string(i) + " as " +
                mermaid_label(who_[i] ? to_string(who_[i]) : "the environment", widest_message) + "\n";
        return out + messages_;
    }

private:
    std::string participant(ref r) {
        auto const at = std::ranges::find(who_, r);
        std::size_t const number = static_cast<std::size_t>(at - who_.begin());
        if (at == who_.end()) who_.push_back(r);
        return "p" + std::to_string(number);
    }
    std::vector<ref> who_;
    std::string messages_;
};

} // namespace

short_path shortened(cause_path const& steps) {
    if (steps.size() <= most_path_steps) return {steps, {}, 0};
    std::size_t const head = most_path_steps / 3, tail = most_path_steps - head;
    auto const count = static_cast<std::ptrdiff_t>(head), last = static_cast<std::ptrdiff_t>(tail);
    return {{steps.begin(), steps.begin() + count}, {steps.end() - last, steps.end()}, steps.size() - most_path_steps};
}

std::string sequence_diagram(short_path const& steps, std::string_view rule, seq_t at) {
    diagram d;
    auto const draw = [&](event const* e) {
        d.step(*e);
        if (e->seq == at) d.note(*e, rule);
    };
    for (event const* e : steps.head) draw(e);
    if (steps.left_out) d.gap(steps.left_out);
    for (event const* e : steps.tail) draw(e);
    return d.text();
}

} // namespace shutdown_repro::traces
