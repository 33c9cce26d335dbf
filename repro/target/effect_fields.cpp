#include "repro/target/effect_fields.hpp"
#include "repro/input/pattern.hpp"
#include "repro/target/request_fields.hpp"

namespace shutdown_repro::repro::target_values {
namespace {

constexpr std::size_t most_effects = 64, most_texts = 1'000, most_command_words = 256;

std::string expression(located_value const& v) {
    std::string text = one_line(v);
    if (std::string const why = pattern::why_not(text); !why.empty()) v.fail("is not a regular expression: " + why);
    return text;
}

target::words texts(located_value const& v) {
    if (!v.json().is_array()) return {one_line(v)};
    target::words all;
    for (located_value const& each : v.items("a text, or a list of texts", 1, most_texts))
        all.push_back(one_line(each));
    return all;
}

target::words command_of_effect(located_value const& v) {
    target::words all;
    for (located_value const& word : v.items("a command, such as [\"test\", \"-s\", \"state\"]", 1, most_command_words))
        all.push_back(word.text("a text"));
    if (all.front().empty()) v.fail("must begin with a program, not with an empty text");
    return all;
}

void take_part(located_value const& part, target::effect& to) {
    static constexpr std::string_view known[] = {"file", "output", "command", "has", "matches", "for_each_answer"};
    if (part.name() == "file") to.file = one_line(part);
    else if (part.name() == "output") part.check_flag(), to.output = part.json().get<bool>();
    else if (part.name() == "command") to.command = command_of_effect(part);
    else if (part.name() == "has") to.has = texts(part);
    else if (part.name() == "matches") to.matches = expression(part);
    else if (part.name() == "for_each_answer") to.for_each_answer = expression(part);
    else part.unknown_field(known);
}

target::effect effect(located_value const& v) {
    v.check_object("an effect, such as {\"file\": \"{folder}/access.log\", \"has\": \"GET /\"}");
    target::effect e;
    for (located_value const& part : v.members()) take_part(part, e);
    if (!e.file.empty() + e.output + !e.command.empty() != 1)
        v.fail("must have exactly one of \"file\", \"output\" and \"command\"");
    bool const lines = !e.has.empty() || !e.matches.empty() || !e.for_each_answer.empty();
    if (!e.command.empty() && lines) v.fail("is a command that must succeed, and so says nothing of lines");
    if (e.output && !lines) v.fail("needs \"has\", \"matches\" or \"for_each_answer\"");
    return e;
}

} // namespace

std::vector<target::effect> effects(located_value const& v) {
    std::vector<target::effect> all;
    for (located_value const& each : v.items("a list of effects", 0, most_effects)) all.push_back(effect(each));
    return all;
}

} // namespace shutdown_repro::repro::target_values
