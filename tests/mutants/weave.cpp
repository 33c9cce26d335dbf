// weave TABLE SOURCE OUTPUT: writes a copy of a source in which each mutant of that file can be switched on at run
// time.
//
// A statement becomes  { if (mutant_is(7)) { REPLACEMENT } else { ORIGINAL } }  and an expression
// (mutant_is(7) ? (REPLACEMENT) : (ORIGINAL)). Several mutants may have the same place, and one may lie within
// another's. Lines keep their numbers, so that what the code says about itself stays the same. The output is only
// touched when it changes. A mutant whose original is not there exactly once is an error: somebody has moved the code
// that it is about.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include "tests/mutants/table.hpp"

namespace {

using shutdown_repro::mutants::mutant;

std::string text_of(std::string const& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

struct site {
    std::size_t begin, end;
    mutant const* what;
};

site find_site(std::string const& source, mutant const& m) {
    std::string const all = m.before + m.original + m.after;
    std::size_t const at = source.find(all);
    if (at == source.npos || source.find(all, at + 1) != source.npos)
        throw std::runtime_error("mutant \"" + m.name + "\": " + m.file +
            (at == source.npos ? " no longer has" : " has more than once") + "\n" + all);
    return {at + m.before.size(), at + m.before.size() + m.original.size(), &m};
}

std::string on_one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

// The outermost sites first, those of one place in the order of the table.
bool comes_before(site const& a, site const& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.end != b.end) return a.end > b.end;
    return a.what->number < b.what->number;
}

class weaver {
public:
    weaver(std::string source, std::vector<site> sites) : source_(std::move(source)), sites_(std::move(sites)) {
        std::ranges::sort(sites_, comes_before);
    }
    std::string woven() { return up_to(0, source_.size()); }

private:
    std::string source_;
    std::vector<site> sites_;
    std::size_t next_ = 0;

    std::string up_to(std::size_t from, std::size_t end) {
        std::string out;
        while (next_ < sites_.size() && sites_[next_].begin < end) {
            site const& s = sites_[next_++];
            if (s.end > end) throw std::runtime_error("mutant \"" + s.what->name + "\" overlaps another one");
            out += source_.substr(from, s.begin - from) + choice(s);
            from = s.end;
        }
        return out + source_.substr(from, end - from);
    }

    std::string choice(site const& s) {
        std::string const on = "::shutdown_repro::mutants::mutant_is(" + std::to_string(s.what->number) + ")";
        std::string const replacement = on_one_line(s.what->replacement), original = up_to(s.begin, s.end);
        if (s.what->is_statement()) return "{ if (" + on + ") { " + replacement + " } else { " + original + " } }";
        return "(" + on + " ? (" + replacement + ") : (" + original + "))";
    }
};

std::string weave(std::vector<mutant> const& table, std::string const& path) {
    std::string source = text_of(path);
    std::vector<site> sites;
    for (mutant const& m : table)
        if (path.ends_with("/" + m.file)) sites.push_back(find_site(source, m));
    if (sites.empty()) throw std::runtime_error("no mutant of the table is about " + path);
    return "#include \"tests/mutants/mutant.hpp\"\n#line 1 \"" + path + "\"\n" +
        weaver(std::move(source), std::move(sites)).woven();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: weave TABLE SOURCE OUTPUT\n";
        return 2;
    }
    try {
        std::string const woven = weave(shutdown_repro::mutants::read_table(argv[1]), argv[2]);
        if (woven != text_of(argv[3])) std::ofstream(argv[3]) << woven;
    } catch (std::exception const& e) {
        std::cerr << "weave: " << e.what() << "\n";
        return 1;
    }
}
