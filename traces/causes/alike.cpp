#include "traces/causes/alike.hpp"
#include <algorithm>
#include <charconv>
#include <set>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The units in which durations are told, in nanoseconds.
struct unit {
    std::string_view name;
    double size;
};
constexpr unit units[] = {{" ns", 1}, {" µs", 1e3}, {" ms", 1e6}, {" s", 1e9}};

// A piece of a message: text, or a number with its unit, if it is a duration.
struct piece {
    std::string_view text, digits; // digits: "" for text
    unit of = {"", 1};
    double size = 0;

    bool is_number() const { return !digits.empty(); }
};

std::size_t end_of_number(std::string_view text, std::size_t at) {
    while (at < text.size() && is_digit(text[at])) ++at;
    bool const fraction = at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1]);
    for (at += fraction; fraction && at < text.size() && is_digit(text[at]);) ++at;
    return at;
}

unit unit_at(std::string_view text) {
    for (unit const& u : units) {
        bool const ends = text.size() == u.name.size() ||
            (text.size() > u.name.size() && !std::isalnum(static_cast<unsigned char>(text[u.name.size()])));
        if (text.starts_with(u.name) && ends) return u;
    }
    return {"", 1};
}

std::vector<piece> pieces_of(std::string_view message) {
    std::vector<piece> all;
    for (std::size_t at = 0; at < message.size();) {
        std::size_t next = at;
        if (!is_digit(message[at])) {
            while (next < message.size() && !is_digit(message[next])) ++next;
            all.push_back({.text = message.substr(at, next - at), .digits = {}});
        } else {
            next = end_of_number(message, at);
            piece p{.text = {}, .digits = message.substr(at, next - at)};
            p.of = unit_at(message.substr(next));
            std::from_chars(p.digits.data(), p.digits.data() + p.digits.size(), p.size);
            p.size *= p.of.size;
            next += p.of.name.size();
            p.text = message.substr(at, next - at);
            all.push_back(p);
        }
        at = next;
    }
    return all;
}

// "36 to 40 ms", "998 ms to 1.2 s", "request:3 to request:7" without the first "request:".
std::string range(piece const& least, piece const& most, std::string_view before) {
    if (least.text == most.text) return std::string(least.text);
    if (before.ends_with(':')) {                                // the number of an actor
        std::size_t const word = before.find_last_of(" (") + 1; // npos + 1 is 0
        return std::string(least.text) + " … " + std::string(before.substr(word)) + std::string(most.text);
    }
    std::string_view const first = least.of.name == most.of.name ? least.digits : least.text;
    return std::string(first) + " to " + std::string(most.text);
}

// The messages have one shape, so they have the same pieces.
std::string merged(std::vector<std::vector<piece>> const& messages) {
    std::string out;
    for (std::size_t i = 0; i < messages.front().size(); ++i) {
        piece const *least = &messages.front()[i], *most = least;
        for (std::vector<piece> const& m : messages) {
            if (m[i].size < least->size) least = &m[i];
            if (m[i].size > most->size) most = &m[i];
        }
        std::string_view const before = i ? messages.front()[i - 1].text : std::string_view{};
        out += least->is_number() ? range(*least, *most, before) : std::string(least->text);
    }
    return out;
}

std::string names_of(std::span<violation const* const> all) {
    std::set<std::uint32_t> numbers;
    for (violation const* v : all) numbers.insert(v->subject.number);
    ref const first{all.front()->subject.type, *numbers.begin()}, last{first.type, *numbers.rbegin()};
    return to_string(first) + (numbers.size() == 2 ? ", " : " … ") + to_string(last);
}

// What the message says of its subject, if that is the first word: "was sent …", "'s response …".
std::string_view said_of_subject(violation const& v) {
    std::string_view text = v.message;
    std::string const subject = v.subject ? to_string(v.subject) : "";
    if (subject.empty() || !text.starts_with(subject)) return {};
    text.remove_prefix(subject.size());
    return text.starts_with(" ") || text.starts_with("'s ") ? text : std::string_view{};
}

} // namespace

std::string shape_of(violation const& v) {
    std::string out(v.rule);
    out.append(" ").append(name_of(v.level)).append(" ");
    if (v.subject) out.append(name_of(v.subject.type)).append(" ");
    for (piece const& p : pieces_of(v.message)) out += p.is_number() ? "#" : std::string(p.text);
    return out;
}

std::string message_of_all(std::span<violation const* const> all) {
    violation const& first = *all.front();
    std::set<ref> subjects;
    std::vector<std::vector<piece>> said, whole;
    for (violation const* v : all) {
        subjects.insert(v->subject);
        whole.push_back(pieces_of(v->message));
        if (std::string_view const rest = said_of_subject(*v); !rest.empty()) said.push_back(pieces_of(rest));
    }
    if (all.size() == 1) return first.message;
    if (subjects.size() < all.size() || said.size() < all.size())
        return counted(all.size(), "time") + ": " + merged(whole);
    std::string const rest = merged(said);
    std::string const one(name_of(first.subject.type));
    return counted(all.size(), one, one + (one.ends_with('s') ? "es" : "s")) + " (" + names_of(all) + "): each" +
        (rest.starts_with("'s") ? " one" : "") + rest;
}

} // namespace shutdown_repro::traces
