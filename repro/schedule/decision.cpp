#include "repro/schedule/decision.hpp"
#include <algorithm>
#include <charconv>
#include <optional>
#include "repro/input/errors.hpp"

namespace shutdown_repro::repro {
namespace {

// More than any execution has. A larger index in a schedule must not allocate gigabytes.
constexpr std::uint32_t most_decisions = 10'000'000;

std::optional<std::uint32_t> number(std::string_view digits) {
    std::uint32_t n = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return n;
}

struct decided {
    std::uint32_t index, choice;
};

decided parse_part(std::string_view part) {
    auto const equals = part.find('=');
    auto const index = number(part.substr(0, equals));
    auto const choice = equals == part.npos ? std::nullopt : number(part.substr(equals + 1));
    if (!index || !choice)
        throw input_error("bad schedule: \"" + std::string(part) +
            "\" is not INDEX=CHOICE; write \"default\", or decisions such as \"3=1,17=2\"");
    if (*index >= most_decisions)
        throw input_error("bad schedule: \"" + std::string(part) + "\": an execution has fewer than " +
            std::to_string(most_decisions) + " decisions");
    return {*index, *choice};
}

// "server:1 accepts or client:2 sends"
std::string in_words(std::span<server::alternative const> offered) {
    std::string text;
    for (server::alternative const& a : offered)
        text += (text.empty() ? "" : " or ") + traces::to_string(a.who) + " " + std::string(server::label_of(a.what));
    return text;
}

} // namespace

std::string to_string(schedule const& s) {
    std::string out;
    for (std::size_t i = 0; i < s.choices.size(); ++i)
        if (s.choices[i]) out += (out.empty() ? "" : ",") + std::to_string(i) + "=" + std::to_string(s.choices[i]);
    return out.empty() ? "default" : out;
}

schedule parse_schedule(std::string_view text) {
    schedule s;
    if (text == "default") return s;
    std::vector<bool> given;
    for (std::string_view rest = text;;) {
        auto const comma = rest.find(',');
        std::string_view const part = rest.substr(0, comma);
        auto const [index, choice] = parse_part(part);
        if (index >= s.choices.size()) {
            s.choices.resize(index + 1);
            given.resize(index + 1);
        }
        if (given[index]) throw input_error("bad schedule: decision " + std::to_string(index) + " is given twice");
        given[index] = true;
        s.choices[index] = choice;
        if (comma == rest.npos) return s;
        rest.remove_prefix(comma + 1);
    }
}

std::size_t away_from_default(schedule const& s) {
    return static_cast<std::size_t>(std::ranges::count_if(s.choices, [](std::uint32_t c) { return c != 0; }));
}

follow::follow(schedule wanted) : wanted_(std::move(wanted)) {}

std::uint32_t follow::choose(std::span<server::alternative const> offered) {
    std::size_t const index = taken_.choices.size();
    std::uint32_t choice = index < wanted_.choices.size() ? wanted_.choices[index] : 0;
    if (choice >= offered.size()) {
        if (diverged_.empty())
            diverged_ = "decision " + std::to_string(index) + " (" + in_words(offered) + ") has choices 0 to " +
                std::to_string(offered.size() - 1) + ", but the schedule asks for " + std::to_string(choice);
        choice = 0;
    }
    taken_.choices.push_back(choice);
    return choice;
}

std::string follow::diverged() const {
    if (!diverged_.empty()) return diverged_;
    for (std::size_t i = taken_.choices.size(); i < wanted_.choices.size(); ++i)
        if (wanted_.choices[i])
            return "the execution ended after " + std::to_string(taken_.choices.size()) +
                " decisions, but the schedule has a choice for decision " + std::to_string(i);
    return {};
}

} // namespace shutdown_repro::repro
