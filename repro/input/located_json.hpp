// A JSON document that people wrote: each value knows its file, line and path, and checks itself in words, so that every
// error, of syntax or of sense, reads `gate.json:14: "grace" must be a number of milliseconds, is "lots"`.
//
// The text is not trusted: its size and nesting are limited, and a field that is given twice is an error.
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

// On which lines a value and its parts stand.
struct lines {
    std::uint32_t field = 0, value = 0; // of the field's name (0: has none) and of the value's begin
    std::map<std::string, lines, std::less<>> members;
    std::vector<lines> items;
};

// A value of a document; a view, valid as long as the document. All checks throw input_error.
class located_value {
public:
    nlohmann::json const& json() const { return *json_; }
    std::string const& name() const { return name_; } // the last part of the path: a field's name, or an item's number
    std::string const& path() const { return path_; } // "handlers.2.act"; numbers count from 1
    std::uint32_t line() const { return lines_ ? lines_->value : 0; } // 0 when the document is not a text
    std::string where() const;                                        // "gate.json:14", for errors

    std::vector<located_value> members() const; // of an object, in the order of the file
    std::optional<located_value> find(std::string_view field) const;
    std::vector<located_value> items(std::string_view what, std::size_t fewest, std::size_t most) const;

    void check_object(std::string_view what) const;
    std::string const& text(std::string_view what) const;
    void check_flag() const;
    std::int64_t number(std::string_view what, std::int64_t least, std::int64_t most) const; // whole
    std::string_view one_of(std::span<std::string_view const> words) const;

    // "FILE:LINE: "grace" PROBLEM".
    [[noreturn]] void fail(std::string const& problem) const;
    // "FILE:LINE: "grace" must be WHAT, is VALUE".
    [[noreturn]] void must_be(std::string const& what) const;
    // "FILE:LINE: unknown field "graze"; did you mean "grace"?"
    [[noreturn]] void unknown_field(std::span<std::string_view const> known) const;

private:
    friend class located_document;
    located_value() = default;
    located_value child(std::string name, nlohmann::json const&, lines const*) const;

    located_document const* document_ = nullptr;
    nlohmann::json const* json_ = nullptr;
    lines const* lines_ = nullptr; // null when the document is not a text
    std::string name_, path_;
};

class located_document {
public:
    static constexpr std::size_t most_bytes = 1 << 20;
    static constexpr std::size_t most_levels = 32;
    static constexpr std::size_t longest_name = 100;

    // `name` is the file's, for errors. What is longer than `most` bytes is refused.
    static located_document parse(std::string_view text, std::string name, std::size_t most = most_bytes);
    static located_document read(std::string const& path, std::size_t most = most_bytes);
    // A document without a text: errors say `name` alone ("--set grace: …").
    static located_document of(nlohmann::json, std::string name);

    located_value root() const;
    std::string const& name() const { return name_; }

private:
    std::string name_;
    nlohmann::json json_;
    std::optional<lines> lines_;
};

} // namespace shutdown_repro::repro
