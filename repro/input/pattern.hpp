// A regular expression of a target, as ECMAScript writes it, for lines that a server prints. The lines are not ours and
// may be long: a search needs bounded time and no stack, which std::regex does not promise.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace shutdown_repro::repro {

class pattern {
public:
    explicit pattern(std::string_view expression); // throws input_error, with why_not()
    ~pattern();
    pattern(pattern&&) noexcept;

    // Returns why this is not a regular expression, and where: "missing closing parenthesis at character 5"; "" when it
    // is one.
    static std::string why_not(std::string_view expression);

    // Returns the first part of the text that matches, or nothing. Throws input_error when the search needs more than
    // some million steps, as "(a*)*b" does: whether the text matches is then unknown.
    std::optional<std::string_view> find(std::string_view text) const;
    bool is_in(std::string_view text) const { return find(text).has_value(); }

private:
    struct compiled;
    std::unique_ptr<compiled> compiled_;
};

} // namespace shutdown_repro::repro
