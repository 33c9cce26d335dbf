#include <bit>
#include <cstring>
#include "traces/format/line.hpp"

namespace shutdown_repro::traces {

// Reads a line from left to right. Nothing is undone after a mismatch, because the parser then gives up.
class own_line::cursor {
public:
    explicit cursor(std::string_view line) : at_(line.data()), end_(line.data() + line.size()) {}

    bool at_end() const { return at_ == end_; }
    bool skip(char c) { return at_ != end_ && *at_ == c && (++at_, true); }
    template <std::size_t N> bool skip(char const (&literal)[N]) {
        constexpr std::size_t length = N - 1;
        if (static_cast<std::size_t>(end_ - at_) < length || std::char_traits<char>::compare(at_, literal, length) != 0)
            return false;
        at_ += length;
        return true;
    }

    bool number(std::uint64_t& to) {
        char const* const first = at_;
        std::uint64_t n = 0;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') n = n * 10 + static_cast<std::uint64_t>(*at_++ - '0');
        std::ptrdiff_t const digits = at_ - first;
        to = n;
        // 18 digits can't overflow. Longer numbers, leading zeros and fractions are left to any_line.
        return digits > 0 && digits <= 18 && (digits == 1 || *first != '0');
    }
    bool number(std::int64_t& to) {
        bool const negative = skip('-');
        std::uint64_t n;
        if (!number(n)) return false;
        to = negative ? -static_cast<std::int64_t>(n) : static_cast<std::int64_t>(n);
        return true;
    }

    // Called after the opening quote.
    [[gnu::always_inline]] bool text(std::string_view& to) {
        char const* const first = at_;
        while (end_ - at_ >= 8) {
            std::uint64_t const found = not_plain(at_);
            at_ += std::countr_zero(found) / 8;
            if (found) return text_since(first, to);
        }
        while (at_ != end_ && is_plain(static_cast<unsigned char>(*at_))) ++at_;
        return text_since(first, to);
    }
    [[gnu::always_inline]] bool id(ref& to) {
        std::string_view word;
        return text(word) && parse_ref(word, to);
    }

private:
    bool text_since(char const* first, std::string_view& to) {
        to = {first, static_cast<std::size_t>(at_ - first)};
        return skip('"');
    }
    // Tests eight characters at once. Sets the high bit of the byte of the first character that is not plain, and of no
    // earlier byte.
    static std::uint64_t not_plain(char const* eight) {
        static_assert(std::endian::native == std::endian::little, "the first letter must be the lowest byte");
        constexpr std::uint64_t ones = 0x0101010101010101, highs = ones << 7;
        std::uint64_t x;
        std::memcpy(&x, eight, 8);
        std::uint64_t const quote = x ^ ones * '"', backslash = x ^ ones * '\\';
        return (((x - ones * ' ') & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | x) & highs;
    }

    char const* at_;
    char const* end_;
};

bool own_line::parse(std::string_view line, event& to) {
    cursor c(line);
    // Not event{}: that would clear the fields that are set right below, in the hottest code of the reader.
    to.id = to.parent = to.by = {};
    to.because = {};
    to.detail = {};
    to.what_text = {};
    std::string_view name;
    if (!(c.skip(R"({"seq":)") && c.number(to.seq) && c.skip(R"(,"t":)") && c.number(to.t) && c.skip(R"(,"kind":")") &&
            c.text(name)))
        return false;
    if (name.empty()) return false;
    to.what = parse_kind(name).value_or(kind::other);
    if (to.what == kind::other) to.what_text = name;
    if (c.skip(R"(,"id":")") && !c.id(to.id)) return false;
    if (c.skip(R"(,"parent":")") && !c.id(to.parent)) return false;
    if (c.skip(R"(,"by":")") && !c.id(to.by)) return false;
    if (c.skip(R"(,"because":[)") && !read_because(c, to)) return false;
    if (c.skip(R"(,"detail":{)") && !read_detail(c, to)) return false;
    return c.skip('}') && c.at_end();
}

bool own_line::read_because(cursor& c, event& to) {
    because_.clear();
    do {
        if (!c.number(because_.emplace_back())) return false;
    } while (c.skip(','));
    to.because = because_;
    return c.skip(']');
}

bool own_line::read_detail(cursor& c, event& to) {
    fields_.clear();
    lists_.clear();
    do {
        field& f = fields_.emplace_back();
        if (!(c.skip('"') && c.text(f.key) && c.skip(':') && read_value(c, f.val))) return false;
        for (field const* earlier = fields_.data(); earlier != &f; ++earlier)
            if (earlier->key == f.key) return false;
    } while (c.skip(','));
    to.detail = fields_;
    return c.skip('}');
}

bool own_line::read_value(cursor& c, value& to) {
    if (c.skip('"')) {
        std::string_view text;
        if (!c.text(text)) return false;
        if (known_id(text, to.id)) to.is = value::type::id;
        else to.is = value::type::text, to.text = text;
        return true;
    }
    if (c.skip('[')) return read_ids(c, to);
    if (c.skip(R"({"text":")")) { // a text that looks like an id
        to.is = value::type::text;
        return c.text(to.text) && c.skip('}');
    }
    if (c.skip("true")) return to = value(true), true;
    if (c.skip("false")) return to = value(false), true;
    return c.number(to.integer);
}

bool own_line::read_ids(cursor& c, value& to) {
    ids_.clear();
    if (!c.skip(']')) {
        do {
            std::string_view text;
            if (!(c.skip('"') && c.text(text))) return false;
            if (!known_id(text, ids_.emplace_back())) return false;
        } while (c.skip(','));
        if (!c.skip(']')) return false;
    }
    to = value(lists_.copy(std::span<ref const>(ids_)));
    return true;
}

} // namespace shutdown_repro::traces
