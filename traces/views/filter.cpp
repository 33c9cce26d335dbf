#include "traces/views/filter.hpp"
#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {

// note() is called for every event, even if the result is already known, because "under" has to know all parents.
struct filter::test {
    virtual ~test() = default;
    virtual void note(event const&) {}
    virtual bool fits(event const&, nanoseconds since_start) const = 0;
    virtual void restart() {}
};

namespace {

using test_ptr = std::unique_ptr<filter::test>;

constexpr int deepest = 100; // nesting of parentheses and "not", so that no expression exhausts the stack

// '*' matches any text, '?' any single character.
bool matches(std::string_view glob, std::string_view text) {
    std::size_t g = 0, t = 0, star = glob.npos, retry = 0;
    while (t < text.size()) {
        if (g < glob.size() && glob[g] == '*') star = g++, retry = t;
        else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) ++g, ++t;
        else if (star != glob.npos) g = star + 1, t = ++retry;
        else return false;
    }
    while (g < glob.size() && glob[g] == '*') ++g;
    return g == glob.size();
}

struct of_kind final : filter::test {
    explicit of_kind(std::string g) : glob(std::move(g)) {}
    bool fits(event const& e, nanoseconds) const override { return matches(glob, kind_text(e)); }
    std::string glob;
};

struct of_ref final : filter::test {
    of_ref(std::string g, ref event::*w) : glob(std::move(g)), which(w), exactly(parse_ref(glob)) {}
    bool fits(event const& e, nanoseconds) const override {
        ref const r = e.*which;
        return exactly ? r == *exactly : r && matches(glob, to_string(r));
    }
    std::string glob;
    ref event::*which;
    std::optional<ref> exactly;
};

struct under final : filter::test {
    explicit under(ref r) : root(r) { restart(); }
    void note(event const& e) override {
        if (e.id && e.parent && inside.contains(e.parent)) inside.insert(e.id);
    }
    bool fits(event const& e, nanoseconds) const override { return inside.contains(e.id); }
    void restart() override { inside = {root}; }
    ref root;
    std::unordered_set<ref> inside;
};

struct in_range final : filter::test {
    in_range(bool t, std::int64_t f, std::int64_t l) : of_time(t), first(f), last(l) {}
    bool fits(event const& e, nanoseconds since_start) const override {
        std::int64_t const at = of_time ? since_start : static_cast<std::int64_t>(std::min(e.seq, seq_t{INT64_MAX}));
        return first <= at && at <= last;
    }
    bool of_time;
    std::int64_t first, last;
};

struct several final : filter::test {
    explicit several(bool a) : all(a) {}
    void note(event const& e) override {
        for (auto const& p : parts) p->note(e);
    }
    void restart() override {
        for (auto const& p : parts) p->restart();
    }
    bool fits(event const& e, nanoseconds since_start) const override {
        auto const fit = [&](test_ptr const& p) { return p->fits(e, since_start); };
        return all ? std::all_of(parts.begin(), parts.end(), fit) : std::any_of(parts.begin(), parts.end(), fit);
    }
    bool all;
    std::vector<test_ptr> parts;
};

struct none_of final : filter::test {
    explicit none_of(test_ptr p) : part(std::move(p)) {}
    void note(event const& e) override { part->note(e); }
    void restart() override { part->restart(); }
    bool fits(event const& e, nanoseconds since_start) const override { return !part->fits(e, since_start); }
    test_ptr part;
};

class parser {
public:
    explicit parser(std::string_view text) : text_(text) { next(); }

    test_ptr whole() {
        test_ptr out = any(0);
        if (!word_.empty()) fail(word_ == ")" ? "no ( is open here" : "expected \"and\" or \"or\" before " + shown());
        return out;
    }

private:
    static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }
    static bool is_parenthesis(char c) { return c == '(' || c == ')'; }

    void next() {
        at_ += word_.size();
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
        std::size_t end = at_;
        if (end < text_.size() && is_parenthesis(text_[end])) ++end;
        else
            while (end < text_.size() && !is_space(text_[end]) && !is_parenthesis(text_[end])) ++end;
        word_ = text_.substr(at_, end - at_);
    }
    std::string shown() const { return word_.empty() ? "the end" : "\"" + printable(word_) + "\""; }
    [[noreturn]] void fail(std::string const& why) const {
        throw filter_error("column " + std::to_string(columns(text_.substr(0, at_)) + 1) + ": " + why);
    }
    bool skip(std::string_view word) {
        if (word_ != word) return false;
        next();
        return true;
    }

    test_ptr any(int depth) { return list(depth, "or", &parser::all); }
    test_ptr all(int depth) { return list(depth, "and", &parser::one); }
    test_ptr list(int depth, std::string_view between, test_ptr (parser::*part)(int)) {
        auto out = std::make_unique<several>(between == "and");
        do out->parts.push_back((this->*part)(depth));
        while (skip(between));
        return out->parts.size() == 1 ? std::move(out->parts.front()) : test_ptr(std::move(out));
    }
    test_ptr one(int depth) {
        if (depth > deepest) fail("nested deeper than " + std::to_string(deepest));
        if (skip("not")) return std::make_unique<none_of>(one(depth + 1));
        if (!skip("(")) return single();
        test_ptr out = any(depth + 1);
        if (!skip(")")) fail("expected \")\" before " + shown());
        return out;
    }

    test_ptr single() {
        if (skip("by")) return std::make_unique<of_ref>(id_glob("by"), &event::by);
        if (skip("id")) return std::make_unique<of_ref>(id_glob("id"), &event::id);
        if (skip("kind")) return std::make_unique<of_kind>(glob("a kind such as scope.* after \"kind\""));
        if (skip("under")) return std::make_unique<under>(id());
        if (skip("seq")) return range(false);
        if (skip("time")) return range(true);
        if (word_.find(':') != word_.npos) return std::make_unique<of_ref>(id_glob("here"), &event::id);
        return std::make_unique<of_kind>(
            glob("a kind such as scope.*, an id such as coroutine:4, or by, under, seq, time, not or ("));
    }
    std::string glob(std::string const& wanted) {
        constexpr std::string_view reserved[] = {"", "(", ")", "and", "or", "not"};
        bool const is_one = std::find(std::begin(reserved), std::end(reserved), word_) == std::end(reserved);
        if (!is_one) fail("expected " + wanted + ", found " + shown());
        std::string out(word_);
        next();
        return out;
    }
    std::string id_glob(std::string_view where) {
        std::size_t const colon = word_.find(':');
        bool const is_one = colon != word_.npos && colon > 0 && colon + 1 < word_.size() &&
            word_.find_first_not_of("abcdefghijklmnopqrstuvwxyz_*?:0123456789") == word_.npos &&
            word_.find(':', colon + 1) == word_.npos;
        if (!is_one)
            fail("expected an id such as coroutine:4 or coroutine:* " +
                (where == "here" ? "here" : "after \"" + std::string(where) + "\"") + ", found " + shown());
        std::string out(word_);
        next();
        return out;
    }
    ref id() {
        auto const r = parse_ref(word_);
        if (!r) fail("expected an id such as scope:2 after \"under\", found " + shown());
        next();
        return *r;
    }

    // Reads a number of an event, or a number of milliseconds, which becomes nanoseconds.
    std::int64_t number(std::string_view digits, bool of_time) const {
        if (digits.starts_with('#') && !of_time) digits.remove_prefix(1);
        double ms = 0;
        std::int64_t n = 0;
        char const* const end = digits.data() + digits.size();
        auto const [stop, error] = of_time ? std::from_chars(digits.data(), end, ms, std::chars_format::fixed)
                                           : std::from_chars(digits.data(), end, n);
        bool const fits = error == std::errc{} && stop == end && n >= 0 && ms > -9e12 && ms < 9e12;
        if (!fits) fail("expected " + wanted(of_time) + ", found " + shown());
        return of_time ? static_cast<std::int64_t>(ms * 1e6 + (ms < 0 ? -0.5 : 0.5)) : n;
    }
    static std::string wanted(bool of_time) {
        return of_time ? "milliseconds since the first event such as 59.5..61 after \"time\""
                       : "numbers of events such as 40..60 after \"seq\"";
    }
    test_ptr range(bool of_time) {
        std::string_view const word = word_;
        std::size_t const dots = word.find("..");
        if (word.empty() || word == "..") fail("expected " + wanted(of_time) + ", found " + shown());
        std::int64_t first = INT64_MIN, last = INT64_MAX;
        if (dots == word.npos) {
            first = last = number(word, of_time);
        } else {
            if (dots > 0) first = number(word.substr(0, dots), of_time);
            if (dots + 2 < word.size()) last = number(word.substr(dots + 2), of_time);
        }
        if (of_time && last != INT64_MAX) last += 999; // times are shown with this precision
        if (first > last) fail(shown() + " ends before it begins");
        next();
        return std::make_unique<in_range>(of_time, first, last);
    }

    std::string_view text_, word_;
    std::size_t at_ = 0;
};

} // namespace

filter::filter() = default;
filter::filter(std::string_view expression) : root_(parser(expression).whole()) {}
filter::~filter() = default;
filter::filter(filter&&) noexcept = default;
filter& filter::operator=(filter&&) noexcept = default;

bool filter::fits(event const& e) {
    if (!root_) return true;
    if (!std::exchange(started_, true)) start_ = e.t;
    root_->note(e);
    return root_->fits(e, elapsed(start_, e.t));
}

void filter::restart() {
    started_ = false;
    if (root_) root_->restart();
}

} // namespace shutdown_repro::traces
