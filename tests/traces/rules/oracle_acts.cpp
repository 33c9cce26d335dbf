// Acts that a server should survive: a reload, an upgrade, a successor.
#include "tests/traces/rules/oracle_families.hpp"

namespace shutdown_repro::traces {
namespace {

bool is_path_gone(trace_facts const& f, int i) {
    return f.what(i) == kind::process_path && f.at(i).find("there") && !f.at(i).integer("there");
}

refs path_removed(trace_facts const& f) {
    bool succeeded = false;
    for (int i = 0; i < f.size(); ++i) succeeded |= f.what(i) == kind::act_effect && f.in_act(i);
    for (int i = 0; i < f.size(); ++i)
        if (succeeded && is_path_gone(f, i) && f.in_act(i)) return {f.id(i)};
    return {};
}

// Whoever is stopped and leaves its path, so that the next start fails.
refs path_left(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::process_path && f.stop() < i && f.at(i).integer("there") &&
            f.at(i).text("next") == "fails")
            found.insert(f.id(i));
    return found;
}

// The first client that is refused, or that is reset before it has sent anything.
refs refused_in_act(trace_facts const& f) {
    if (!path_removed(f).empty()) return {};
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::client_fail || !f.in_act(i)) continue;
        bool sent = false;
        for (int k = 0; k < i; ++k)
            sent |= f.id(k) == f.id(i) && f.what(k) == kind::client_send && f.at(k).text("part") != "head-half";
        bool const reset = f.at(i).text("how") == "reset" && !f.at(i).id_of("request") && !sent;
        if (reset || f.at(i).text("how") == "refused") return {f.id(i)};
    }
    return {};
}

refs outlived(trace_facts const& f) {
    refs found;
    bool serves = false;
    for (int i = 0; i < f.size(); ++i) {
        serves |= f.what(i) == kind::act_effect;
        if (f.what(i) == kind::process_stuck && serves) found.insert(f.id(i));
    }
    return found;
}

refs without_effect(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::act_end && f.at(i).find("effect") && !f.at(i).integer("effect") &&
            f.at(i).integer("expected", 1))
            found.insert(f.id(i));
    return found;
}

} // namespace

verdicts act_verdicts(trace_facts const& f) {
    return {
        {"refused-during-reload", refused_in_act(f)},
        {"old-generation-stuck", outlived(f)},
        {"reload-without-effect", without_effect(f)},
        {"unix-path-removed", path_removed(f)},
        {"unix-path-left", path_left(f)},
    };
}

} // namespace shutdown_repro::traces
