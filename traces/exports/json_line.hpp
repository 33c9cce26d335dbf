// Builds the JSON text of one event without a document.
#pragma once
#include <string>
#include <string_view>
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::traces {

class json_line {
public:
    json_line& raw(std::string_view s) { return text_ += s, *this; }
    // Appends a key, after a comma if one is needed.
    json_line& key(std::string_view k) {
        comma();
        write_string(text_, k);
        text_ += ':';
        return *this;
    }
    json_line& string(std::string_view k, std::string_view v) {
        key(k);
        write_string(text_, v);
        return *this;
    }
    json_line& number(std::string_view k, std::int64_t n) { return key(k).raw(std::to_string(n)); }
    json_line& open(std::string_view bracket) {
        comma();
        return raw(bracket);
    }
    json_line& close(std::string_view bracket) { return raw(bracket); }
    std::string const& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    void clear() { text_.clear(); }

private:
    void comma() {
        if (!text_.empty() && text_.back() != '{' && text_.back() != '[' && text_.back() != ':' && text_.back() != '\n')
            text_ += ',';
    }
    std::string text_;
};

} // namespace shutdown_repro::traces
