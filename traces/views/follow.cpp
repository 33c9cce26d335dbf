#include <algorithm>
#include "traces/views/phrase.hpp"
#include "traces/views/rows.hpp"
#include "traces/views/state.hpp"
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

std::string follow(trace const& t, ref id, look l) {
    rows const page(t, {}, l);
    event_index const events(t);
    std::string out;
    for (event const& e : t.events) {
        if (!concerns(e, id)) continue;
        out += page.gutter(e) + page.kind_and_words(e) + "\n";
        for (seq_t why : e.because) {
            event const* cause = events.find(why);
            if (!cause || concerns(*cause, id)) continue; // what concerns it has its own row
            std::string const line = "← #" + std::to_string(why) + " " + printable(kind_text(*cause)) + ": " + phrase(*cause);
            std::size_t const indent = page.indent();
            out += std::string(indent, ' ') + paint(l, tint::faint, fit(line, l.width > indent ? l.width - indent : 0)) + "\n";
        }
    }
    return out;
}

} // namespace shutdown_repro::traces
