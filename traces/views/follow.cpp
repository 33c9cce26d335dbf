#include <algorithm>
#include "traces/phrases/phrase.hpp"
#include "traces/views/pages.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::traces {
namespace {

bool concerns(event const& e, ref id) {
    if (e.id == id || e.parent == id || e.by == id) return true;
    return std::any_of(e.detail.begin(), e.detail.end(), [id](field const& f) {
        return (f.val.is == value::type::id && f.val.id == id) ||
            (f.val.is == value::type::ids && std::find(f.val.ids.begin(), f.val.ids.end(), id) != f.val.ids.end());
    });
}

} // namespace

void follow_page::survey(event const& e) {
    if (concerns(e, id_)) {
        any_ = true;
        page_.measure(e);
        causes_.insert(e.because.begin(), e.because.end());
    }
}

std::string follow_page::row(event const& e, bool shown) {
    bool const own = shown && concerns(e, id_);
    if (causes_.contains(e.seq))
        cause_texts_[e.seq] =
            own ? "" : printable(kind_text(e)) + ": " + phrase(e); // an event that concerns the id has its own row
    if (!own) return {};
    std::string out = page_.gutter(e) + page_.kind_and_words(e) + "\n";
    for (seq_t why : e.because) {
        auto const cause = cause_texts_.find(why);
        if (cause == cause_texts_.end() || cause->second.empty()) continue;
        std::string const line = "← #" + std::to_string(why) + " " + cause->second;
        std::size_t const indent = page_.indent();
        out += std::string(indent, ' ') +
            paint(style_, tint::faint, fit(line, style_.width > indent ? style_.width - indent : 0)) + "\n";
    }
    return out;
}

std::string follow(trace const& t, ref id, text_style style) {
    follow_page page(id, style);
    if (!t.events.empty()) page.start(t.events.front());
    for (event const& e : t.events) page.survey(e);
    std::string out;
    for (event const& e : t.events) out += page.row(e);
    return out;
}

} // namespace shutdown_repro::traces
