#include "repro/input/committed_json.hpp"
#include <algorithm>
#include "repro/input/nearest.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {

void expect_format(located_value const& root, std::string const& kind, std::string const& looks) {
    root.check_object(looks);
    auto const format = root.find("format"), version = root.find("version");
    std::string const name = "shutdown-repro/" + kind;
    if (!format || format->json() != name) root.fail("is not a " + kind + ": its \"format\" must be \"" + name + "\"");
    if (!version) root.fail("has no \"version\": \"1.0\"");
    if (!version->text("\"1.0\"").starts_with("1."))
        version->fail("must be \"1.0\": the file is newer than this program");
}

void refuse_unknown(located_value const& object, std::span<std::string_view const> known) {
    for (located_value const& member : object.members())
        if (!std::ranges::count(known, member.name())) member.unknown_field(known);
}

std::string const& rule_named(located_value const& v) {
    std::string const& name = v.text("the name of a rule (see: list rules)");
    std::vector<std::string_view> known;
    for (traces::rule_info const& r : traces::all_rules()) known.push_back(r.id);
    if (!std::ranges::count(known, name))
        v.fail("names an unknown rule: \"" + name.substr(0, 60) + "\"" + did_you_mean(name, known) + " (list rules)");
    return name;
}

} // namespace shutdown_repro::repro
