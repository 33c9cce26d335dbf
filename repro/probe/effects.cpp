#include "repro/probe/effects.hpp"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>
#include "repro/input/errors.hpp"

namespace shutdown_repro::repro {
namespace {

std::string in_quotes(std::string const& text) { return "\"" + text + "\""; }

} // namespace

effect_watch::effect_watch(target const& t, placeholders const& places) {
    for (target::effect const& e : t.effects) {
        watched& w = all_.emplace_back(watched{.what = &e, .path = places.filled(e.file)});
        if (!e.command.empty()) need_program(places.filled(e.command).front(), "");
        if (!e.file.empty()) w.before = look_at(w.path, std::numeric_limits<std::uint64_t>::max());
        if (!e.matches.empty()) w.matches.emplace(e.matches);
        if (!e.for_each_answer.empty()) w.for_each.emplace(e.for_each_answer);
        w.seen.has.resize(e.has.size());
    }
}

// Returns the size of a file and the digest (FNV-1a) of its first bytes, at most so many; nothing if it is no regular
// file, which must not be opened: a pipe would block.
std::optional<effect_watch::old_file> effect_watch::look_at(std::string const& path, std::uint64_t most) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
    std::ifstream in(path, std::ios::binary);
    old_file f{.size = 0, .digest = 0xcbf29ce484222325};
    char part[16 * 1024];
    while (in && f.size < most) {
        in.read(part, static_cast<std::streamsize>(std::min<std::uint64_t>(sizeof part, most - f.size)));
        for (std::streamsize i = 0; i < in.gcount(); ++i)
            f.digest = (f.digest ^ static_cast<unsigned char>(part[i])) * 0x100000001b3;
        f.size += static_cast<std::uint64_t>(in.gcount());
    }
    return f;
}

void effect_watch::hear(std::string_view line) {
    for (watched& w : all_)
        if (w.what->output) take(w, line);
}

void effect_watch::take(watched& w, std::string_view line) {
    target::effect const& e = *w.what;
    for (std::size_t i = 0; i < e.has.size(); ++i) w.seen.has[i] = w.seen.has[i] || line.find(e.has[i]) != line.npos;
    auto const fits = [&](pattern const& p) { return p.is_in(line); };
    if (w.matches && !w.seen.matches) w.seen.matches = fits(*w.matches);
    if (w.for_each) w.seen.count += fits(*w.for_each);
}

// Only what was written since the start counts: a file that was there and still begins with the same bytes was
// continued.
std::string effect_watch::read(watched& w) {
    std::error_code error;
    if (!std::filesystem::exists(w.path, error)) return "is missing";
    if (!std::filesystem::is_regular_file(w.path, error)) return "is no regular file";
    auto const begins = look_at(w.path, w.before ? w.before->size : 0);
    bool const continued = w.before && begins && begins->size == w.before->size && begins->digest == w.before->digest;
    std::ifstream in(w.path, std::ios::binary);
    if (!in) return "can't be read";
    if (continued) in.seekg(static_cast<std::streamoff>(w.before->size));
    if (in.peek() == std::ifstream::traits_type::eof())
        return continued && w.before->size ? "was not written since the start" : "is empty";
    for (std::string line; std::getline(in, line);) take(w, line);
    return {};
}

void effect_watch::tell(watched const& w, std::uint64_t answers, std::vector<found_effect>& out) {
    target::effect const& e = *w.what;
    std::string const where = e.output ? "the output" : e.file;
    for (std::size_t i = 0; i < e.has.size(); ++i)
        out.push_back({.there = w.seen.has[i],
            .what = where + (w.seen.has[i] ? " has a line with " : " has no line with ") + in_quotes(e.has[i])});
    if (w.matches)
        out.push_back({.there = w.seen.matches,
            .what = where + (w.seen.matches ? " has a line that matches " : " has no line that matches ") +
                in_quotes(e.matches)});
    if (w.for_each)
        out.push_back({.there = w.seen.count >= answers,
            .what = where + " has " + std::to_string(w.seen.count) + " lines that match " +
                in_quotes(e.for_each_answer) + "; " + std::to_string(answers) + " requests were answered"});
    if (e.has.empty() && !w.matches && !w.for_each) out.push_back({.there = true, .what = where + " was written"});
}

std::vector<found_effect> effect_watch::look(
    std::uint64_t answers, std::function<bool(target::words const&)> const& succeeds) {
    std::vector<found_effect> out;
    for (watched& w : all_) {
        target::effect const& e = *w.what;
        if (!e.command.empty()) {
            bool const done = succeeds(e.command);
            std::string words;
            for (std::string const& word : e.command) words += (words.empty() ? "" : " ") + word;
            out.push_back({.there = done, .what = in_quotes(words) + (done ? " succeeds" : " fails")});
            continue;
        }
        std::string const trouble = e.file.empty() ? "" : read(w);
        if (trouble.empty()) tell(w, answers, out);
        else out.push_back({.there = false, .what = e.file + " " + trouble});
    }
    return out;
}

} // namespace shutdown_repro::repro
