// One line of a trace, parsed: the room between the writer and the reader, nobody else's.
#pragma once
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

inline constexpr std::string_view trace_format = "shutdown-repro/trace";

// Limits on what is read, so that no input can exhaust the stack or the memory.
inline constexpr std::size_t longest_line = std::size_t{16} << 20;
inline constexpr int deepest_nesting = 64;

// A character that stands in a JSON string as itself and says nothing about encodings.
constexpr bool is_plain(unsigned char c) { return c >= ' ' && c < 0x80 && c != '"' && c != '\\'; }

// A string among the details that names a known entity is an id, so a text of that form is written {"text":"scope:2"}.
inline bool known_id(std::string_view text, ref& to) {
    if (text.size() < 6 || text.back() < '0' || text.back() > '9') return false; // "loop:1" is the shortest
    return parse_ref(text, to) && (to.type != entity::other || text.starts_with("other:"));
}

bool nests_deeper(std::string_view json, int than);

// The line shape that write_event makes, read in one pass without a document. Anything else about a line (another order
// of keys, white space, an escape, a letter outside ASCII, a repeated key) is refused, not judged: any_line takes it
// then.
class own_line {
public:
    // What `to` views is in `line` or in here, valid until the next call.
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

// Any valid JSON line. Unknown keys are ignored and null counts as absent; of a repeated key the last counts. A detail
// that is no integer, boolean, text, id or list of ids is kept as a text: its JSON.
class any_line {
public:
    enum class type { event, footer };
    struct malformed {
        std::string why;
    };                              // it is no line of a trace
    struct not_json : malformed {}; // what a torn line looks like

    // The first line into `head`, any later one into the member that the result names. Both throw malformed.
    void parse_header(std::string_view line);
    type parse(std::string_view line);

    traces::header head;
    event what; // what it views is in here, valid until the next call
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
