#include "traces/views/rows.hpp"
#include <algorithm>
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t widest_kind = 20;
constexpr std::size_t least_words =
    24; // columns; if the kind would leave less for the words, it is left out, because the words say the same

tint tint_of(kind what) {
    if (what == kind::act_stop || what == kind::act_free) return tint::warn;
    return name_of(what).starts_with("client.") ? tint::accent : tint::strong;
}

bool stands_out(kind what) { return tint_of(what) != tint::strong; }

} // namespace

rows::rows(text_style style) : style_(style) {}

void rows::measure(event const& e) {
    auto const digits = [](std::uint64_t n) {
        std::size_t d = 1;
        for (; n > 9; n /= 10) ++d;
        return d;
    };
    nanoseconds const t = elapsed(start_, e.t);
    // The width of the text of milliseconds(): three decimals, and a sign.
    time_ = std::max(time_, digits(static_cast<std::uint64_t>(std::llabs(t / 1'000'000))) + 4 + (t / 1000 < 0));
    seq_ = std::max(seq_, 1 + digits(e.seq));
    std::string_view const name = kind_text(e);
    if (e.what != kind::other) kind_ = std::max(kind_, std::min(widest_kind, name.size()));
    else kind_ = std::max(kind_, std::min(widest_kind, columns(printable(name))));
}

void rows::mark(std::span<violation const> violations) {
    for (violation const& v : violations) {
        at_.emplace(v.at, &v);
        witness_.insert(v.witness.begin(), v.witness.end());
    }
}

std::string rows::gutter(event const& e) const {
    std::string const mark = breaks(e) ? paint(style_, tint::bad, "✗")
        : witness_.contains(e.seq)     ? paint(style_, tint::warn, "›")
                                       : " ";
    std::string const rest =
        pad_left(milliseconds(elapsed(start_, e.t)), time_) + " " + pad_left("#" + std::to_string(e.seq), seq_) + "  ";
    return mark + " " + paint(style_, tint::faint, rest);
}

std::string rows::words(event const& e, std::size_t used) const {
    std::string const text = fit(phrase(e), style_.width > used ? style_.width - used : 0);
    return breaks(e)         ? paint(style_, tint::bad, text)
        : stands_out(e.what) ? paint(style_, tint_of(e.what), text)
                             : text;
}

std::string rows::kind_and_words(event const& e) const {
    if (style_.width < indent() + kind_ + 2 + least_words) return words(e, indent());
    std::string const name = pad(fit(printable(kind_text(e)), kind_), kind_);
    return paint(style_, tint::faint, name) + "  " + words(e, indent() + kind_ + 2);
}

std::string rows::broken_here(event const& e) const {
    std::string out;
    auto const [from, to] = at_.equal_range(e.seq);
    for (auto at = from; at != to; ++at) out += broken(*at->second);
    return out;
}

std::string rows::broken(violation const& v) const {
    std::size_t const from = style_.width < indent() + 2 + v.rule.size() ? 2 : indent();
    std::string line = wrap(std::string(v.rule) + "  " + printable(v.message), style_.width, from + 2);
    if (std::size_t const end = line.find('\n'); end == v.rule.size() + 1)
        line.erase(end - 1, 1); // the next word went to the next line
    return std::string(from, ' ') + paint(style_, tint::bad, "✗ " + line) + "\n";
}

} // namespace shutdown_repro::traces
