// Writes JSON without a document, for speed. The keys have the order of the format, and each line is valid JSON for any
// bytes of a text.
#include <charconv>
#include <nlohmann/json.hpp>
#include "traces/format/jsonl.hpp"
#include "traces/format/line.hpp"

namespace shutdown_repro::traces {

namespace {

template <class Integer> void put_number(std::string& out, Integer n) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

void put_id(std::string& out, ref r) {
    out += '"';
    out += name_of(r.type);
    out += ':';
    put_number(out, r.number);
    out += '"';
}

void put_escape(std::string& out, unsigned char c) {
    static constexpr std::string_view letters = "\"\"\\\\\bb\ff\nn\rr\tt";
    static constexpr char hex[] = "0123456789abcdef";
    for (std::size_t i = 0; i < letters.size(); i += 2)
        if (static_cast<unsigned char>(letters[i]) == c) {
            out += '\\';
            out += letters[i + 1];
            return;
        }
    out += "\\u00";
    out += hex[c >> 4];
    out += hex[c & 15];
}

// Returns the length of the UTF-8 character at the beginning of `s`, or minus the number of invalid bytes to replace by
// one U+FFFD.
int utf8_length(std::string_view s) {
    auto const at = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
    unsigned const first = at(0);
    int const length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF.
    unsigned const low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned const high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (length == 0) return -1;
    for (int i = 1; i < length; ++i) {
        unsigned const c = at(static_cast<std::size_t>(i));
        if (c < (i == 1 ? low : 0x80u) || c > (i == 1 ? high : 0xBFu)) return -i;
    }
    return length;
}

} // namespace

void write_string(std::string& out, std::string_view s) {
    out += '"';
    while (!s.empty()) {
        std::size_t plain = 0;
        while (plain < s.size() && is_plain(static_cast<unsigned char>(s[plain]))) ++plain;
        out.append(s.data(), plain);
        s.remove_prefix(plain);
        if (s.empty()) break;
        if (static_cast<unsigned char>(s[0]) < 0x80) {
            put_escape(out, static_cast<unsigned char>(s[0]));
            s.remove_prefix(1);
        } else if (int const n = utf8_length(s); n > 0) {
            out.append(s.data(), static_cast<std::size_t>(n));
            s.remove_prefix(static_cast<std::size_t>(n));
        } else {
            out += "\xEF\xBF\xBD";
            s.remove_prefix(static_cast<std::size_t>(-n));
        }
    }
    out += '"';
}

namespace {

template <class Range, class Put> void put_list(std::string& out, Range const& range, Put put) {
    char before = '[';
    for (auto const& element : range) {
        out += before;
        put(out, element);
        before = ',';
    }
    out += before == '[' ? "[]" : "]";
}

void put_value(std::string& out, value const& v) {
    switch (v.is) {
    case value::type::integer: return put_number(out, v.integer);
    case value::type::boolean: out += v.integer ? "true" : "false"; return;
    case value::type::id: return put_id(out, v.id);
    case value::type::ids: return put_list(out, v.ids, put_id);
    case value::type::text: break;
    }
    if (ref looks_like; !known_id(v.text, looks_like)) return write_string(out, v.text);
    out += R"({"text":)";
    write_string(out, v.text);
    out += '}';
}

// Appends a document inside the header, without its line breaks. If it is not JSON, or too deep for the reader, it
// becomes a string.
void put_document(std::string& out, std::string_view json) {
    if (nests_deeper(json, deepest_nesting - 1)) return write_string(out, json);
    auto const document = nlohmann::ordered_json::parse(json, nullptr, false);
    if (document.is_discarded()) return write_string(out, json);
    out += document.dump();
}

void put_words(std::string& out, std::string_view words) {
    char before = '[';
    for (std::size_t at = 0; (at = words.find_first_not_of(' ', at)) != words.npos;) {
        std::size_t const end = std::min(words.find(' ', at), words.size());
        out += before;
        write_string(out, words.substr(at, end - at));
        before = ',';
        at = end;
    }
    out += before == '[' ? "[]" : "]";
}

} // namespace

void write_header(std::string& out, header const& h) {
    write_string(out += R"({"format":)", trace_format);
    out += R"(,"version":"1.0")";
    if (!h.tool.empty()) write_string(out += R"(,"tool":)", h.tool);
    if (!h.scenario.empty()) put_document(out += R"(,"scenario":)", h.scenario);
    if (!h.world.empty()) write_string(out += R"(,"world":)", h.world);
    if (!h.schedule.empty()) write_string(out += R"(,"schedule":)", h.schedule);
    if (!h.observes.empty()) put_words(out += R"(,"observes":)", h.observes);
    if (!h.allow.empty()) put_words(out += R"(,"allow":)", h.allow);
    if (!h.target.empty()) put_document(out += R"(,"target":)", h.target);
    if (!h.twin.empty()) put_document(out += R"(,"twin":)", h.twin);
    out += "}\n";
}

void write_event(std::string& out, event const& e) {
    put_number(out += R"({"seq":)", e.seq);
    put_number(out += R"(,"t":)", e.t);
    out += R"(,"kind":)";
    if (e.what == kind::other && !e.what_text.empty()) write_string(out, e.what_text);
    else ((out += '"') += name_of(e.what)) += '"';
    if (e.id) put_id(out += R"(,"id":)", e.id);
    if (e.parent) put_id(out += R"(,"parent":)", e.parent);
    if (e.by) put_id(out += R"(,"by":)", e.by);
    if (!e.because.empty()) put_list(out += R"(,"because":)", e.because, put_number<seq_t>);
    std::string_view before = R"(,"detail":{)";
    for (field const& f : e.detail) {
        if (f.val.is == value::type::id && !f.val.id) continue; // an id that names nothing is left out
        write_string(out += before, f.key);
        put_value(out += ':', f.val);
        before = ",";
    }
    out += before == "," ? "}}\n" : "}\n";
}

void write_footer(std::string& out, footer const& f) {
    put_number(out += R"({"footer":true,"events":)", f.events);
    put_number(out += R"(,"dropped":)", f.dropped);
    if (!f.signal.empty()) {
        write_string(out += R"(,"outcome":{"signal":)", f.signal);
        out += '}';
    } else if (f.exit_status) {
        put_number(out += R"(,"outcome":{"status":)", *f.exit_status);
        out += '}';
    }
    if (!f.note.empty()) write_string(out += R"(,"note":)", f.note);
    out += "}\n";
}

std::string to_text(trace const& t) {
    std::string out;
    write_header(out, t.head);
    for (event const& e : t.events) write_event(out, e);
    if (t.foot) write_footer(out, *t.foot);
    return out;
}

} // namespace shutdown_repro::traces
