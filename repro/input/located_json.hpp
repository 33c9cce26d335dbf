// A JSON document written by people. Each value knows its file, line and path, so that every error, of syntax or of
// meaning, reads `gate.json:14: "grace" must be a number of milliseconds, not "lots"`.
//
// The text is not trusted: its size and nesting depth are limited, and a duplicate field is an error.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::repro {

class located_document;

// The line numbers of a value and of its parts.
struct lines {
    std::uint32_t field = 0, value = 0; // line of the field's name (0 if it has none) and of the value's start
    std::map<std::string, lines, std::less<>> members;
    std::vector<lines> items;
};

// A view of a value in a document, valid as long as the document. All checks throw input_error.
class located_value {
public:
    nlohmann::json const& json() const { return *json_; }
    std::string const& name() const { return name_; } // last part of the path: name of a field or number of an item
    std::string const& path() const { return path_; } // "handlers.2.act"; items count from 1
    std::uint32_t line() const { return lines_ ? lines_->value : 0; } // 0 if the document was not read from text
    std::string where() const;                                        // "gate.json:14", for errors

    std::vector<located_value> members() const; // the members of an object, in the order of the file
    std::optional<located_value> find(std::string_view field) const;
    std::vector<located_value> items(std::string_view what, std::size_t fewest, std::size_t most) const;

    void check_object(std::string_view what) const;
    std::string const& text(std::string_view what) const;
    void check_flag() const;
    std::int64_t number(std::string_view what, std::int64_t least, std::int64_t most) const; // a whole number
    std::string_view one_of(std::span<std::string_view const> words) const;

    // Throws `FILE:LINE: "grace" PROBLEM`.
    [[noreturn]] void fail(std::string const& problem) const;
    // Throws `FILE:LINE: "grace" must be WHAT, not VALUE`.
    [[noreturn]] void must_be(std::string const& what) const;
    // Throws `FILE:LINE: unknown field "graze"; did you mean "grace"?`.
    [[noreturn]] void unknown_field(std::span<std::string_view const> known) const;

private:
    friend class located_document;
    located_value() = default;
    located_value child(std::string name, nlohmann::json const&, lines const*) const;

    located_document const* document_ = nullptr;
    nlohmann::json const* json_ = nullptr;
    lines const* lines_ = nullptr; // null if the document was not read from text
    std::string name_, path_;
};

class located_document {
public:
    static constexpr std::size_t most_bytes = 1 << 20;
    static constexpr std::size_t most_levels = 32;
    static constexpr std::size_t longest_name = 100;

    // `name` is the name of the file, for errors. A text longer than `most` bytes is refused.
    static located_document parse(std::string_view text, std::string name, std::size_t most = most_bytes);
    static located_document read(std::string const& path, std::size_t most = most_bytes);
    // A document that was not read from text. Errors begin with `name` only ("--set grace: …").
    static located_document of(nlohmann::json, std::string name);

    located_value root() const;
    std::string const& name() const { return name_; }

private:
    std::string name_;
    nlohmann::json json_;
    std::optional<lines> lines_;
};

} // namespace shutdown_repro::repro
