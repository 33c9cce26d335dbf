// Parsers for one line of a trace. Only the writer and the reader include this file.
#pragma once
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

inline constexpr std::string_view trace_format = "shutdown-repro/trace";

// Limits of the reader, so that no input can exhaust the stack or the memory.
inline constexpr std::size_t longest_line = std::size_t{16} << 20;
inline constexpr int deepest_nesting = 64;

// Whether the byte is an ASCII character that needs no escape in a JSON string.
constexpr bool is_plain(unsigned char c) { return c >= ' ' && c < 0x80 && c != '"' && c != '\\'; }

// Reads a string among the details as an id if it has the form of one. The writer therefore writes a text of this form
// as {"text":"scope:2"}.
inline bool known_id(std::string_view text, ref& to) {
    if (text.size() < 6 || text.back() < '0' || text.back() > '9') return false; // "loop:1" is the shortest
    return parse_ref(text, to) && (to.type != entity::other || text.starts_with("other:"));
}

bool nests_deeper(std::string_view json, int than);

// A fast parser for lines as write_event writes them: one pass, without a JSON document. It gives up on any other line
// (another order of keys, white space, an escape, a character outside ASCII, a repeated key) without judging it, and
// any_line parses the line instead.
class own_line {
public:
    // Returns false if it gives up. `to` views `line` and this object, and is valid until the next call.
    bool parse(std::string_view line, event& to);

private:
    class cursor;
    bool read_because(cursor&, event&);
    bool read_detail(cursor&, event&);
    bool read_value(cursor&, value&);
    bool read_ids(cursor&, value&);

    std::vector<seq_t> because_;
    std::vector<field> fields_;
    std::vector<ref> ids_;
    arena lists_;
};

// A parser for any valid JSON line. It ignores unknown keys, treats null as absent, and takes the last of repeated
// keys. A detail that is not an integer, boolean, text, id or list of ids becomes a text: its JSON.
class any_line {
public:
    enum class type { event, footer };
    struct malformed {
        std::string why;
    };                              // thrown if the line is not a line of a trace
    struct not_json : malformed {}; // thrown for a torn line, too

    // parse_header() reads the first line into `head`. parse() reads a later line into `what` or `foot` and returns
    // which. Both throw malformed.
    void parse_header(std::string_view line);
    type parse(std::string_view line);

    traces::header head;
    event what; // views this object; valid until the next call
    traces::footer foot;

private:
    void parse_object(std::string_view line);
    void read_event();
    void read_causes();
    void read_detail();
    value read_value(nlohmann::ordered_json const&);
    void read_footer();

    nlohmann::ordered_json line_;
    std::vector<seq_t> because_;
    std::vector<field> fields_;
    std::deque<std::vector<ref>> ids_;
    std::deque<std::string> texts_;
};

} // namespace shutdown_repro::traces
