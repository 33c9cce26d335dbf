#include "repro/input/pattern.hpp"
#include "repro/input/errors.hpp"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace shutdown_repro::repro {
namespace {

constexpr std::uint32_t as_ecmascript = PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
    PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;

// PCRE2's own limit of steps counts anew at each character at which a match could begin. So the callouts before each
// part of the expression count the steps of the whole search.
constexpr std::uint32_t most_kib = 256 * 1024;
constexpr std::uint64_t most_steps = 30'000'000;

int count_step(pcre2_callout_block*, void* steps) {
    return ++*static_cast<std::uint64_t*>(steps) > most_steps ? PCRE2_ERROR_MATCHLIMIT : 0;
}

PCRE2_SPTR bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::string message_of(int error) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    return reinterpret_cast<char const*>(text);
}

// Null if it is not a regular expression; then `why` says so.
pcre2_code* compile(std::string_view expression, std::string& why) {
    int error = 0;
    PCRE2_SIZE where = 0;
    pcre2_code* const code = pcre2_compile(
        bytes(expression), expression.size(), as_ecmascript | PCRE2_AUTO_CALLOUT, &error, &where, nullptr);
    if (!code) why = message_of(error) + " at character " + std::to_string(where + 1);
    return code;
}

} // namespace

struct pattern::compiled {
    explicit compiled(std::string_view expression) : text(expression) {
        std::string why;
        code = compile(expression, why);
        if (!code) throw input_error("\"" + text + "\" is not a regular expression: " + why);
        found = pcre2_match_data_create_from_pattern(code, nullptr);
        limits = pcre2_match_context_create(nullptr);
        pcre2_set_heap_limit(limits, most_kib);
        pcre2_set_callout(limits, count_step, &steps);
    }
    ~compiled() {
        pcre2_match_context_free(limits);
        pcre2_match_data_free(found);
        pcre2_code_free(code);
    }
    std::string text;
    pcre2_code* code;
    pcre2_match_data* found;
    pcre2_match_context* limits;
    std::uint64_t steps = 0;
};

pattern::pattern(std::string_view expression) : compiled_(std::make_unique<compiled>(expression)) {}
pattern::~pattern() = default;
pattern::pattern(pattern&&) noexcept = default;

std::string pattern::why_not(std::string_view expression) {
    std::string why;
    pcre2_code_free(compile(expression, why));
    return why;
}

std::optional<std::string_view> pattern::find(std::string_view text) const {
    compiled_->steps = 0;
    int const result =
        pcre2_match(compiled_->code, bytes(text), text.size(), 0, 0, compiled_->found, compiled_->limits);
    if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (result < 0)
        throw input_error("the regular expression \"" + compiled_->text + "\" can't be searched for in a line of " +
            std::to_string(text.size()) + " bytes: " + message_of(result) + "; make it simpler");
    PCRE2_SIZE const* const at = pcre2_get_ovector_pointer(compiled_->found);
    return text.substr(at[0], at[1] - at[0]);
}

} // namespace shutdown_repro::repro
