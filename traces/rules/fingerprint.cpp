#include "traces/rules/fingerprint.hpp"
#include <algorithm>
#include <map>
#include <ranges>
#include <set>

namespace shutdown_repro::traces {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool letter_or_digit(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <class predicate> std::size_t run(std::string_view text, predicate of) {
    return static_cast<std::size_t>(std::ranges::find_if_not(text, of) - text.begin());
}

bool uuid(std::string_view text) {
    constexpr std::string_view shape = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    return std::ranges::equal(
        text.substr(0, shape.size()), shape, [](char c, char of) { return of == 'h' ? hex(c) : c == of; });
}

// Of IPv6 or of hardware. One colon is a port's, and two stand behind a file's name.
bool address(std::string_view text) {
    return (text.find("::") != text.npos || std::ranges::count(text, ':') >= 5) && std::ranges::any_of(text, digit);
}

// Drawn by the execution, such as 3fa9c1. Letters and then digits are a name with its number, such as c100, unless they
// are many: of six hexadecimal digits that are drawn, eight in a hundred would be taken for one.
bool drawn(std::string_view word) {
    if (word.size() < 4 || !std::ranges::all_of(word, hex) || std::ranges::none_of(word, digit)) return false;
    return word.size() > 5 || !std::ranges::all_of(word.substr(run(word, [](char c) { return !digit(c); })), digit);
}

// How many characters from `at` on are a number that differs from one execution to the next.
std::size_t number(std::string_view name, std::size_t at) {
    std::string_view const rest = name.substr(at);
    if (char const before = at ? name[at - 1] : ' '; !letter_or_digit(before)) {
        if (uuid(rest)) return 36;
        std::size_t const colons = before == ':' ? 0 : run(rest, [](char c) { return hex(c) || c == ':'; });
        if (address(rest.substr(0, colons)) && run(rest.substr(colons), letter_or_digit) == 0) return colons;
        std::size_t const word = run(rest, letter_or_digit);
        if (drawn(rest.substr(0, word))) return word;
    }
    return rest.starts_with("0x") ? 2 + run(rest.substr(2), hex) : run(rest, digit);
}

// Mostly none does, and names are read in each execution of an exploration.
bool may_begin_number(std::string_view name, std::size_t at) {
    return digit(name[at]) || name[at] == ':' || (hex(name[at]) && (at == 0 || !letter_or_digit(name[at - 1])));
}

template <class function> void without_numbers(std::string_view name, function put) {
    for (std::size_t at = 0, numbers_end = name.size() + 1; at < name.size();) {
        std::size_t const n = may_begin_number(name, at) ? number(name, at) : 0;
        if (n == 0) put(name[at]);
        else if (at != numbers_end) put('#');
        at += n ? n : 1;
        if (n) numbers_end = at;
    }
}

bool method(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
}

// A name as it is on every machine: no number, no address, and of a file's path its last part. What follows a method is
// a request's path, which is no file's.
std::string everywhere(std::string_view name) {
    std::string out;
    std::string_view before;
    for (auto const& part : name | std::views::split(' ')) {
        std::string_view const word(part.begin(), part.end());
        bool const file = word.starts_with('/') && word.rfind('/') > 0 && !method(before);
        if (!out.empty()) out += ' ';
        without_numbers(file ? word.substr(word.rfind('/') + 1) : word, [&](char c) { out += c; });
        before = word;
    }
    return out;
}

std::uint64_t hash(std::string_view text, std::uint64_t h = 0xCBF29CE484222325u) { // FNV-1a
    for (char const c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    return h;
}
std::uint64_t hash_without_numbers(std::string_view name) {
    std::uint64_t h = hash({});
    without_numbers(name, [&](char c) { h = hash({&c, 1}, h); });
    return h;
}

} // namespace

std::string fingerprint(trace const& t, violation const& v) {
    std::map<ref, std::string> names;
    for (event const& e : t.events)
        if (std::string_view const name = e.text("name"); !name.empty()) names.emplace(e.id, everywhere(name));
    auto const named = [&](ref r) {
        auto const n = names.find(r);
        return n == names.end() ? std::string(name_of(r.type)) : std::string(name_of(r.type)) + "(" + n->second + ")";
    };
    std::set<std::string> parts;
    for (seq_t const s : v.witness) {
        auto const e = std::ranges::lower_bound(t.events, s, {}, &event::seq);
        if (e != t.events.end() && e->seq == s) parts.insert(std::string(name_of(e->what)) + " " + named(e->id));
    }
    std::string out = std::string(v.rule) + " " + named(v.subject) + ":";
    for (std::string const& p : parts) out += " " + p + ";";
    out.pop_back();
    return out;
}

void fingerprinter::begin() {
    count_ = 0;
    ++execution_;
}

void fingerprinter::make_room(seq_t s) { events_.resize(s + 64); }

void fingerprinter::learn_name(event const& e) {
    std::string_view const name = e.text("name");
    if (name.empty()) return;
    auto& of_type = names_[static_cast<std::size_t>(e.id.type)];
    if (e.id.number >= of_type.size()) of_type.resize(e.id.number + 16);
    given_name& first = of_type[e.id.number];
    if (first.execution != execution_) first = {hash_of(name), execution_};
}

std::uint64_t fingerprinter::hash_of(std::string_view name) {
    auto const last = static_cast<unsigned char>(name.back());
    known_name& known = known_names_[(name.size() * 7 + last) % known_names_.size()];
    if (known.text != name) {
        known.text = name;
        known.hash = hash_without_numbers(name);
    }
    return known.hash;
}

std::uint64_t fingerprinter::of(violation const& v) const {
    auto const named = [&](ref r) {
        auto const& of_type = names_[static_cast<std::size_t>(r.type)];
        bool const has_one = r.number < of_type.size() && of_type[r.number].execution == execution_;
        return (static_cast<std::uint64_t>(r.type) + 1) * 0x9E3779B97F4A7C15u ^ (has_one ? of_type[r.number].hash : 0);
    };
    parts_.clear();
    for (seq_t const s : v.witness)
        if (s < count_)
            parts_.push_back((static_cast<std::uint64_t>(events_[s].what) + 1) * 0xBF58476D1CE4E5B9u ^
                named({events_[s].type, events_[s].number}));
    std::ranges::sort(parts_);
    auto const repeated = std::ranges::unique(parts_);
    parts_.erase(repeated.begin(), repeated.end());
    std::uint64_t h = hash(v.rule, named(v.subject));
    for (std::uint64_t const p : parts_) h = (h ^ p) * 0x100000001B3u;
    return h;
}

} // namespace shutdown_repro::traces
