#include "repro/fingerprint.hpp"
#include <algorithm>
#include <map>
#include <ranges>
#include <set>

namespace shutdown_repro::repro {

using traces::event;
using traces::ref;
using traces::violation;

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

std::string without_numbers(std::string_view word) {
    std::string out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        bool const address = word.substr(i, 2) == "0x";
        if (address) i = std::min(word.find_first_not_of("0123456789abcdefABCDEF", i + 2), word.size()) - 1;
        if (!address && !digit(word[i])) out += word[i];
        else if (out.empty() || out.back() != '#') out += '#';
    }
    return out;
}

bool method(std::string_view word) { return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; }); }

// A name as it is on every machine: no number, no address, and of a file's path its last part. What follows a method is a
// request's path, which is no file's.
std::string everywhere(std::string_view name) {
    std::string out;
    std::string_view before;
    for (auto const& part : name | std::views::split(' ')) {
        std::string_view const word(part.begin(), part.end());
        bool const file = word.starts_with('/') && word.rfind('/') > 0 && !method(before);
        out += (out.empty() ? "" : " ") + without_numbers(file ? word.substr(word.rfind('/') + 1) : word);
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
    for (char const c : name)
        if (!digit(c)) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    return h;
}

} // namespace

std::string fingerprint(traces::trace const& t, violation const& v) {
    std::map<ref, std::string> names;
    for (event const& e : t.events)
        if (std::string_view const name = e.text("name"); !name.empty()) names.emplace(e.id, everywhere(name));
    auto const named = [&](ref r) {
        auto const n = names.find(r);
        return n == names.end() ? std::string(name_of(r.type)) : std::string(name_of(r.type)) + "(" + n->second + ")";
    };
    std::set<std::string> parts;
    for (traces::seq_t const s : v.witness) {
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
    for (auto& n : names_) n.clear();
}

void fingerprinter::learn_name(event const& e) {
    std::string_view const name = e.text("name");
    if (name.empty()) return;
    auto& of_type = names_[static_cast<std::size_t>(e.id.type)];
    if (e.id.number >= of_type.size()) of_type.resize(e.id.number + 1);
    if (!of_type[e.id.number]) of_type[e.id.number] = hash_without_numbers(name);
}

std::uint64_t fingerprinter::of(violation const& v) const {
    auto const named = [&](ref r) {
        auto const& of_type = names_[static_cast<std::size_t>(r.type)];
        return (static_cast<std::uint64_t>(r.type) + 1) * 0x9E3779B97F4A7C15u ^ (r.number < of_type.size() ? of_type[r.number] : 0);
    };
    parts_.clear();
    for (traces::seq_t const s : v.witness)
        if (s < count_) parts_.push_back((static_cast<std::uint64_t>(events_[s].what) + 1) * 0xBF58476D1CE4E5B9u ^ named(events_[s].id));
    std::ranges::sort(parts_);
    auto const repeated = std::ranges::unique(parts_);
    parts_.erase(repeated.begin(), repeated.end());
    std::uint64_t h = hash(v.rule, named(v.subject));
    for (std::uint64_t const p : parts_) h = (h ^ p) * 0x100000001B3u;
    return h;
}

} // namespace shutdown_repro::repro
