#include "traces/format/line.hpp"

namespace shutdown_repro::traces {

using json = nlohmann::ordered_json;

namespace {

std::string as_text(json const& v) { return v.dump(-1, ' ', false, json::error_handler_t::replace); }

// Returns enough of a value to recognize it in an error message.
std::string shown(json const& v) {
    std::string s = as_text(v);
    if (s.size() > 60) s.resize(57), s += "...";
    return s;
}

// Returns a member of an object; null if it is absent or null.
json const* member(json const& object, char const* key) {
    auto const it = object.find(key);
    return it == object.end() || it->is_null() ? nullptr : &*it;
}

[[noreturn]] void refuse(char const* key, char const* wanted, json const& is) {
    throw any_line::malformed{'"' + std::string(key) + "\" must be " + wanted + ", is " + shown(is)};
}

std::string text(json const& object, char const* key) {
    json const* v = member(object, key);
    if (!v) return {};
    if (!v->is_string()) refuse(key, "a string", *v);
    return v->get<std::string>();
}

// Returns a JSON document as text.
std::string document(json const& object, char const* key) {
    json const* v = member(object, key);
    return v ? as_text(*v) : std::string();
}

ref id(json const& object, char const* key) {
    json const* v = member(object, key);
    if (!v) return {};
    std::optional<ref> const r = v->is_string() ? parse_ref(v->get_ref<std::string const&>()) : std::nullopt;
    if (!r) refuse(key, "an id such as \"scope:2\"", *v);
    return *r;
}

std::uint64_t count(json const& object, char const* key, std::optional<std::uint64_t> otherwise = std::nullopt) {
    json const* v = member(object, key);
    if (!v && otherwise) return *otherwise;
    if (!v) throw any_line::malformed{std::string("\"") + key + "\" is missing"};
    if (!v->is_number_unsigned()) refuse(key, "a whole number", *v);
    return v->get<std::uint64_t>();
}

std::optional<std::int64_t> integer(json const& v) {
    if (!v.is_number_integer()) return std::nullopt;
    if (v.is_number_unsigned() && v.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return v.get<std::int64_t>();
}

// A list of words, separated by spaces; "" if there is none.
std::string words(json const& line, char const* field) {
    std::string all;
    json const* const list = member(line, field);
    if (!list) return all;
    if (!list->is_array()) refuse(field, "a list of words", *list);
    for (json const& word : *list) {
        if (!word.is_string()) refuse(field, "a list of words", *list);
        all.append(all.empty() ? "" : " ").append(word.get_ref<std::string const&>());
    }
    return all;
}

} // namespace

bool nests_deeper(std::string_view json_text, int than) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json_text.size(); ++i) {
        char const c = json_text[i];
        if (in_string && c == '\\') ++i;
        else if (c == '"') in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > than) return true;
        else if (!in_string && (c == '}' || c == ']')) --depth;
    }
    return false;
}

void any_line::parse_object(std::string_view line) {
    if (nests_deeper(line, deepest_nesting)) throw malformed{"nested deeper than " + std::to_string(deepest_nesting)};
    try {
        line_ = json::parse(line);
    } catch (json::parse_error const& e) {
        throw not_json{{"not JSON from byte " + std::to_string(e.byte) + " on"}};
    } catch (json::exception const&) { throw malformed{"a number is out of range"}; }
    if (!line_.is_object()) throw malformed{"a line must be a JSON object, is " + shown(line_)};
}

void any_line::parse_header(std::string_view line) {
    parse_object(line);
    json const* format = member(line_, "format");
    if (!format) throw malformed{"\"format\" is missing"};
    if (*format != trace_format) throw malformed{"the format is " + shown(*format)};
    std::string const version = text(line_, "version");
    if (version != "1" && !version.starts_with("1."))
        throw malformed{"its version is " + shown(line_["version"]) + " and this program reads 1.x"};
    head = {};
    head.scenario = document(line_, "scenario");
    head.world = text(line_, "world");
    head.schedule = text(line_, "schedule");
    head.target = document(line_, "target");
    head.twin = document(line_, "twin");
    head.tool = text(line_, "tool");
    head.observes = words(line_, "observes");
    head.allow = words(line_, "allow");
}

any_line::type any_line::parse(std::string_view line) {
    parse_object(line);
    if (!member(line_, "kind") && member(line_, "footer")) return read_footer(), type::footer;
    if (!member(line_, "kind") && member(line_, "format")) throw malformed{"a second header"};
    return read_event(), type::event;
}

void any_line::read_event() {
    what = {};
    what.seq = count(line_, "seq");
    if (what.seq == no_seq) refuse("seq", "an event's number", line_["seq"]);

    json const* t = member(line_, "t");
    if (!t) throw malformed{"\"t\" is missing"};
    std::optional<std::int64_t> const when = integer(*t);
    if (!when) refuse("t", "a whole number of nanoseconds", *t);
    what.t = *when;

    json const* name = member(line_, "kind");
    if (!name) throw malformed{"\"kind\" is missing"};
    if (!name->is_string() || name->get_ref<std::string const&>().empty())
        refuse("kind", "a name such as \"scope.open\"", *name);
    std::string_view const kind_name = name->get_ref<std::string const&>();
    if (std::optional<kind> const k = parse_kind(kind_name)) what.what = *k;
    else what.what_text = kind_name;

    what.id = id(line_, "id");
    what.parent = id(line_, "parent");
    what.by = id(line_, "by");
    read_causes();
    read_detail();
}

void any_line::read_causes() {
    because_.clear();
    if (json const* causes = member(line_, "because")) {
        if (!causes->is_array()) refuse("because", "a list of whole numbers", *causes);
        for (json const& cause : *causes) {
            if (!cause.is_number_unsigned()) refuse("because", "a list of whole numbers", *causes);
            because_.push_back(cause.get<seq_t>());
        }
    }
    what.because = because_;
}

void any_line::read_detail() {
    fields_.clear();
    ids_.clear();
    texts_.clear();
    if (json const* details = member(line_, "detail")) {
        if (!details->is_object()) refuse("detail", "an object", *details);
        for (auto it = details->begin(); it != details->end(); ++it)
            if (!it->is_null()) fields_.push_back({it.key(), read_value(*it)});
    }
    what.detail = fields_;
}

value any_line::read_value(json const& v) {
    if (v.is_boolean()) return v.get<bool>();
    if (std::optional<std::int64_t> const n = integer(v)) return *n;
    if (v.is_string()) {
        std::string const& s = v.get_ref<std::string const&>();
        ref r;
        return known_id(s, r) ? value(r) : value(s);
    }
    if (v.is_object() && v.size() == 1 && v.begin().key() == "text" && v.front().is_string())
        return v.front().get_ref<std::string const&>();
    if (v.is_array()) {
        std::vector<ref> ids;
        for (json const& element : v)
            if (ref r; element.is_string() && known_id(element.get_ref<std::string const&>(), r)) ids.push_back(r);
        if (ids.size() == v.size()) return std::span<ref const>(ids_.emplace_back(std::move(ids)));
    }
    return texts_.emplace_back(as_text(v));
}

void any_line::read_footer() {
    if (json const& said = line_["footer"]; said != true) refuse("footer", "true", said);
    foot = {};
    foot.events = count(line_, "events");
    foot.dropped = count(line_, "dropped", 0);
    foot.note = text(line_, "note");
    if (json const* outcome = member(line_, "outcome")) {
        if (!outcome->is_object()) refuse("outcome", "an object", *outcome);
        foot.signal = text(*outcome, "signal");
        if (json const* status = member(*outcome, "status")) {
            std::optional<std::int64_t> const n = integer(*status);
            if (!n || *n < INT32_MIN || *n > INT32_MAX) refuse("status", "an exit status", *status);
            foot.exit_status = static_cast<int>(*n);
        }
    }
}

} // namespace shutdown_repro::traces
