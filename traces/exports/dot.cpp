// The scope tree as a graph for Graphviz: scopes are boxes, coroutines are ellipses, and requests stand beside the
// scope that serves them. Actors that are alive at the end of the export are solid; the others are dashed and gray.
#include "traces/exports/exports.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/state.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

// Returns a quoted string. The text went through printable() before, so it has no line ends and no invalid UTF-8.
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string node(ref r) { return in_quotes(to_string(r)); }

class dot final : public exporter {
public:
    dot(header const&, text_sink to) : to_(std::move(to)) {}

    void on_event(event const& e) override {
        actors_.note(e, index_++);
        model_.apply(e);
        model_.forget(e);
    }

    void finish() override {
        actors_.arrange();
        to_("digraph scopes {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n");
        for (actor const& m : actors_.in_order()) {
            if (!drawn(m)) continue;
            to_("  " + node(m.id) + " [" + look_of(m) + "];\n");
            if (m.parent && drawn(m.parent)) to_("  " + node(m.parent) + " -> " + node(m.id) + ";\n");
            if (ref const request = parse_ref(m.name).value_or(ref{});
                m.id.type == entity::scope && request && drawn(request))
                to_("  " + node(m.id) + " -> " + node(request) + " [style=dotted, arrowhead=none];\n");
        }
        to_("}\n");
    }

private:
    static bool is_drawn(entity type) {
        return type == entity::server || type == entity::scope || type == entity::coroutine ||
            type == entity::request || type == entity::listener;
    }
    bool drawn(actor const& m) const { return is_drawn(m.id.type); }
    bool drawn(ref r) const { return is_drawn(r.type) && actors_.find(r); }

    bool gone(actor const& m) const {
        if (m.id.type == entity::coroutine) return !model_.coroutines.find(m.id.number);
        if (m.id.type == entity::scope) return !model_.scopes.find(m.id.number);
        return m.over;
    }
    std::string look_of(actor const& m) const {
        std::string label = to_string(m.id);
        if (!m.name.empty() && m.name != label) label += "  " + m.name;
        std::string const state = state_of(m.id, model_);
        // A backslash of the name is doubled, so only this "\n" is a line break.
        std::string text = in_quotes(label);
        if (!state.empty()) text = text.substr(0, text.size() - 1) + "\\n" + in_quotes(state).substr(1);
        bool const is_scope = m.id.type == entity::scope;
        return "label=" + text + ", shape=" +
            (is_scope                                ? "box"
                    : m.id.type == entity::coroutine ? "ellipse"
                                                     : "plaintext") +
            (gone(m) ? ", style=dashed, color=gray50, fontcolor=gray50" : "");
    }

    text_sink to_;
    actor_list actors_;
    model model_;
    std::size_t index_ = 0;
};

} // namespace

std::unique_ptr<exporter> export_dot(header const& h, text_sink to) { return std::make_unique<dot>(h, std::move(to)); }

} // namespace shutdown_repro::traces
