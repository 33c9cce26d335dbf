#include "repro/input/located_json.hpp"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "traces/format/inputs.hpp"

namespace shutdown_repro::repro {

using nlohmann::json;

namespace {

// The text of a hostile document must not flood or control the terminal.
std::string printable(std::string text, std::size_t most) {
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    if (text.size() > most) text.replace(most, text.npos, "...");
    return text;
}

std::string shown(json const& value) {
    return printable(value.dump(-1, ' ', true, json::error_handler_t::replace), 60);
}

std::string in_quotes(std::string_view name) { return "\"" + printable(std::string(name), 60) + "\""; }

std::string join(std::span<std::string_view const> words) {
    std::string out;
    for (std::string_view const word : words) out += (out.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    return out;
}

} // namespace

// ---- values

located_value located_value::child(std::string name, nlohmann::json const& value, lines const* where) const {
    located_value v;
    v.document_ = document_;
    v.json_ = &value;
    v.lines_ = where;
    v.path_ = path_.empty() ? name : path_ + "." + name;
    v.name_ = std::move(name);
    return v;
}

std::vector<located_value> located_value::members() const {
    std::vector<located_value> out;
    for (auto const& [key, value] : json_->items())
        out.push_back(child(key, value, lines_ ? &lines_->members.find(key)->second : nullptr));
    if (lines_) std::ranges::stable_sort(out, {}, [](located_value const& v) { return v.lines_->field; });
    return out;
}

std::optional<located_value> located_value::find(std::string_view field) const {
    auto const it = json_->find(field);
    if (it == json_->end()) return std::nullopt;
    return child(std::string(field), *it, lines_ ? &lines_->members.find(field)->second : nullptr);
}

std::vector<located_value> located_value::items(std::string_view what, std::size_t fewest, std::size_t most) const {
    if (!json_->is_array()) must_be(std::string(what));
    if (json_->size() < fewest || json_->size() > most)
        fail("must have " + std::to_string(fewest) + " to " + std::to_string(most) + " items, has " +
            std::to_string(json_->size()));
    std::vector<located_value> out;
    for (std::size_t i = 0; i < json_->size(); ++i)
        out.push_back(child(std::to_string(i + 1), (*json_)[i], lines_ ? &lines_->items[i] : nullptr));
    return out;
}

void located_value::check_object(std::string_view what) const {
    if (!json_->is_object()) must_be(std::string(what));
}

std::string const& located_value::text(std::string_view what) const {
    if (!json_->is_string()) must_be(std::string(what));
    return json_->get_ref<std::string const&>();
}

void located_value::check_flag() const {
    if (!json_->is_boolean()) must_be("true or false");
}

std::int64_t located_value::number(std::string_view what, std::int64_t least, std::int64_t most) const {
    if (!json_->is_number()) must_be(std::string(what));
    bool const fits =
        json_->is_number_integer() && (!json_->is_number_unsigned() || json_->get<std::uint64_t>() <= INT64_MAX);
    std::int64_t const n = fits ? json_->get<std::int64_t>() : 0;
    if (!fits || n < least || n > most)
        must_be(std::string(what) + " from " + std::to_string(least) + " to " + std::to_string(most));
    return n;
}

std::string_view located_value::one_of(std::span<std::string_view const> words) const {
    if (!json_->is_string()) must_be("one of " + join(words));
    auto const& word = json_->get_ref<std::string const&>();
    auto const it = std::ranges::find(words, word);
    if (it == words.end()) {
        std::string const meant = did_you_mean(word, words);
        fail("can't be " + in_quotes(word) + (meant.empty() ? ": one of " + join(words) : meant));
    }
    return *it;
}

std::string located_value::where() const {
    return lines_ ? document_->name() + ":" + std::to_string(lines_->value) : document_->name();
}

void located_value::fail(std::string const& problem) const {
    throw input_error(where() + ": " + (path_.empty() ? "the document" : in_quotes(path_)) + " " + problem);
}

void located_value::must_be(std::string const& what) const { fail("must be " + what + ", not " + shown(*json_)); }

void located_value::unknown_field(std::span<std::string_view const> known) const {
    std::string const where = lines_ ? document_->name() + ":" + std::to_string(lines_->field) : document_->name();
    std::string const meant = did_you_mean(name_, known);
    throw input_error(
        where + ": unknown field " + in_quotes(path_) + (meant.empty() ? "; known fields are " + join(known) : meant));
}

// ---- documents

namespace {

// Records how far the parser has read; the events of nlohmann/json do not report it.
class counting_iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = char const*;
    using reference = char const&;

    counting_iterator(char const* at, char const*& furthest) : at_(at), furthest_(&furthest) {}
    reference operator*() const { return *at_; }
    counting_iterator& operator++() {
        *furthest_ = ++at_;
        return *this;
    }
    counting_iterator operator++(int) {
        counting_iterator const before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(counting_iterator const& a, counting_iterator const& b) { return a.at_ == b.at_; }

private:
    char const* at_;
    char const** furthest_;
};

// Builds the values and their line numbers side by side. nlohmann/json requires the names of its functions.
class builder {
public:
    builder(std::string_view text, std::string const& name, json& into, lines& where)
        : text_(text),
          name_(name),
          counted_(text.data()),
          read_(text.data()) {
        open_.push_back({&into, &where});
    }

    bool parse() {
        char const* const end = text_.data() + text_.size();
        return json::sax_parse(counting_iterator(text_.data(), read_), counting_iterator(end, read_), this);
    }

    bool null() { return scalar(nullptr); }
    bool boolean(bool v) { return scalar(v); }
    bool number_integer(json::number_integer_t v) { return scalar(v); }
    bool number_unsigned(json::number_unsigned_t v) { return scalar(v); }
    bool number_float(json::number_float_t v, std::string const&) { return scalar(v); }
    bool string(std::string& v) { return scalar(std::move(v)); }
    bool binary(json::binary_t&) { return false; }
    bool start_object(std::size_t) { return open(json::object()); }
    bool start_array(std::size_t) { return open(json::array()); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }

    bool key(std::string& name) {
        if (name.size() > located_document::longest_name)
            fail("the name of the field " + in_quotes(name) + " is too long");
        auto const [json_at, lines_at] = open_.back();
        auto const [it, fresh] = lines_at->members.try_emplace(name);
        if (!fresh) fail(in_quotes(name) + " is given twice, first at line " + std::to_string(it->second.field));
        it->second.field = line();
        field_ = {&(*json_at)[name], &it->second};
        return true;
    }

    bool parse_error(std::size_t, std::string const&, json::exception const& e) {
        // Of "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error …", keep the last part.
        std::string_view message = e.what();
        if (auto const id = message.find("] "); id != message.npos) message.remove_prefix(id + 2);
        if (auto const column = message.find("column "); column != message.npos)
            message.remove_prefix(message.find(": ", column) + 2);
        fail(printable(std::string(message), 200));
    }

private:
    struct both {
        json* value;
        lines* where;
    };

    [[noreturn]] void fail(std::string const& problem) {
        throw input_error(name_ + ":" + std::to_string(line()) + ": " + problem);
    }

    // Returns the line of the token that was read last. The last character is not counted: after a number the parser
    // has read one more character, which may be the end of the line.
    std::uint32_t line() {
        for (; counted_ + 1 < read_; ++counted_) line_ += *counted_ == '\n';
        return line_;
    }

    // Returns the place of the next value: the field just named, the next item, or the root.
    both next() {
        if (field_.value) return std::exchange(field_, {});
        auto const [parent, where] = open_.back();
        if (!parent->is_array()) return open_.back();
        parent->push_back(nullptr);
        return {&parent->back(), &where->items.emplace_back()};
    }

    bool scalar(json value) {
        both const at = next();
        at.where->value = line();
        *at.value = std::move(value);
        return true;
    }

    bool open(json empty) {
        if (open_.size() > located_document::most_levels)
            fail("the document is nested deeper than " + std::to_string(located_document::most_levels) + " levels");
        both const at = next();
        at.where->value = line();
        *at.value = std::move(empty);
        open_.push_back(at);
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    std::string_view text_;
    std::string const& name_;
    char const *counted_, *read_;
    std::uint32_t line_ = 1;
    both field_{};
    std::vector<both>
        open_; // the place of the root, then the open objects and arrays; a parent does not move while a child is open
};

struct close_file {
    void operator()(std::FILE* f) const { std::fclose(f); }
};

} // namespace

located_document located_document::parse(std::string_view text, std::string name, std::size_t most) {
    located_document d;
    d.name_ = std::move(name);
    if (text.size() > most) throw input_error(d.name_ + ": is longer than " + std::to_string(most) + " bytes");
    builder(text, d.name_, d.json_, d.lines_.emplace()).parse();
    return d;
}

located_document located_document::read(std::string const& path, std::size_t most) {
    std::unique_ptr<std::FILE, close_file> const file(std::fopen(path.c_str(), "rb"));
    std::string text;
    if (file) {
        text.resize(most + 1);
        errno = 0;
        text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    }
    if (!file || std::ferror(file.get())) throw input_error("cannot read " + path + ": " + std::strerror(errno));
    traces::note_input(path);
    return parse(text, path, most);
}

located_document located_document::of(nlohmann::json value, std::string name) {
    located_document d;
    d.name_ = std::move(name);
    d.json_ = std::move(value);
    return d;
}

located_value located_document::root() const {
    located_value v;
    v.document_ = this;
    v.json_ = &json_;
    v.lines_ = lines_ ? &*lines_ : nullptr;
    return v;
}

} // namespace shutdown_repro::repro
