#include "traces/views/rows.hpp"
#include <algorithm>
#include "traces/views/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t widest_kind = 20;

tint tint_of(kind what) {
    if (what == kind::act_stop || what == kind::act_free) return tint::warn;
    return name_of(what).starts_with("client.") ? tint::accent : tint::strong;
}

bool stands_out(kind what) { return tint_of(what) != tint::strong; }

} // namespace

rows::rows(trace const& t, std::span<violation const> violations, look l) : look_(l) {
    if (!t.events.empty()) start_ = t.events.front().t;
    for (event const& e : t.events) {
        time_ = std::max(time_, milliseconds(e.t - start_).size());
        seq_ = std::max(seq_, 1 + std::to_string(e.seq).size());
        kind_ = std::max(kind_, std::min(widest_kind, columns(printable(kind_text(e)))));
    }
    for (violation const& v : violations) {
        at_.emplace(v.at, &v);
        for (seq_t w : v.witness) witness_[w] = true;
    }
}

std::string rows::gutter(event const& e) const {
    std::string const mark = breaks(e) ? paint(look_, tint::bad, "✗") : witness_.contains(e.seq) ? paint(look_, tint::warn, "›") : " ";
    std::string const rest = pad_left(milliseconds(e.t - start_), time_) + " " + pad_left("#" + std::to_string(e.seq), seq_) + "  ";
    return mark + " " + paint(look_, tint::faint, rest);
}

std::string rows::words(event const& e, std::size_t used) const {
    std::string const text = fit(phrase(e), look_.width > used ? look_.width - used : 0);
    return breaks(e) ? paint(look_, tint::bad, text) : stands_out(e.what) ? paint(look_, tint_of(e.what), text) : text;
}

std::string rows::kind_and_words(event const& e) const {
    std::string const name = pad(fit(printable(kind_text(e)), kind_), kind_);
    return paint(look_, tint::faint, name) + "  " + words(e, indent() + kind_ + 2);
}

std::string rows::broken_here(event const& e) const {
    std::string out;
    auto const [from, to] = at_.equal_range(e.seq);
    for (auto at = from; at != to; ++at) {
        std::string const line = "✗ " + std::string(at->second->rule) + "  " + printable(at->second->message);
        out += std::string(indent(), ' ') + paint(look_, tint::bad, fit(line, look_.width > indent() ? look_.width - indent() : 0)) + "\n";
    }
    return out;
}

} // namespace shutdown_repro::traces
