#include "tests/house/shape.hpp"
#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

namespace shutdown_repro::tests {
namespace {

std::size_t line_of(std::string const& text, std::size_t at) {
    return static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n')) + 1;
}

std::string place(source_file const& s, std::size_t line) { return s.path + ":" + std::to_string(line); }

bool is_test(source_file const& s) { return s.path.starts_with("tests/"); }

std::size_t columns(std::string_view line) {
    return static_cast<std::size_t>(
        std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string without_literals(std::string const& text) {
    std::string const code = code_of(text), comments = comments_of(text);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (code[i] == text[i] || comments[i] == text[i]) out += text[i];
    return out;
}

// Returns the heading without the parameters of `template <…>`.
std::string without_template(std::string heading) {
    while (true) {
        std::size_t const begin = heading.find("template <");
        if (begin == heading.npos) return heading;
        std::size_t end = heading.find('<', begin);
        for (int open = 0; end < heading.size(); ++end) {
            open += heading[end] == '<' ? 1 : heading[end] == '>' ? -1 : 0;
            if (open == 0) break;
        }
        heading.erase(begin, end + 1 - begin);
    }
}

// Whether a block with this heading is the body of a function: it has parameters or is a lambda, and is not a type.
bool is_function(std::string const& heading) {
    static std::regex const type("\\b(namespace|class|struct|union|enum|concept)\\b");
    std::string const text = without_template(heading);
    std::size_t const parameters = text.find('('), last = text.find_last_not_of(" \n");
    if (last == text.npos || text[last] == '=') return false;
    if (text[last] == ']') return true; // a lambda without parameters
    return parameters != text.npos && !std::regex_search(text.substr(0, parameters), type);
}

// Finds the blocks between braces, and recognizes functions by the text before the opening brace. The code has no
// comments, no literals and no preprocessor lines.
class function_finder {
public:
    explicit function_finder(source_file const& s) : source_(s), code_(code_of(s.text)) {
        code_ = std::regex_replace(code_, std::regex("(^|\n)#[^\n]*"), "$1");
    }
    std::vector<std::string> too_long() {
        for (std::size_t at = 0; at < code_.size(); ++at) {
            char const c = code_[at];
            if (c == '{') enter(at);
            else if (c == '}') leave(at);
            else if (c == ';' && parentheses_ == 0) heading_ = at + 1;
            else parentheses_ += c == '(' ? 1 : c == ')' ? -1 : 0;
        }
        return std::move(found_);
    }

private:
    struct block {
        std::size_t heading;
        int parentheses;
        bool function;
    };
    void enter(std::size_t at) {
        blocks_.push_back({heading_, parentheses_, is_function(code_.substr(heading_, at - heading_))});
        heading_ = at + 1;
        parentheses_ = 0;
    }
    void leave(std::size_t at) {
        if (blocks_.empty()) return;
        block const b = blocks_.back();
        blocks_.pop_back();
        parentheses_ = b.parentheses;
        std::size_t const next = code_.find_first_not_of(" \n", at + 1);
        bool const goes_on = next != code_.npos && (code_[next] == ',' || code_[next] == '{' || parentheses_ > 0);
        heading_ = goes_on ? b.heading : at + 1; // the block was an initializer, not a body
        bool const inside = std::ranges::any_of(blocks_, &block::function);
        if (b.function && !goes_on && !inside) measure(b, at);
    }
    void measure(block const& b, std::size_t end) {
        std::size_t const first = line_of(code_, code_.find_first_not_of(" \n", b.heading)), last = line_of(code_, end);
        if (last - first + 1 > (is_test(source_) ? longest_test : longest_function))
            found_.push_back(place(source_, first) + " a function of " + std::to_string(last - first + 1) + " lines");
    }

    source_file const& source_;
    std::string code_;
    std::vector<block> blocks_;
    std::size_t heading_ = 0;
    int parentheses_ = 0; // number of open parentheses in this block
    std::vector<std::string> found_;
};

// Returns the paths of all files of the project, from the root.
std::set<std::string> const& all_files() {
    namespace fs = std::filesystem;
    static std::set<std::string> const all = [] {
        std::set<std::string> found;
        for (auto it = fs::recursive_directory_iterator(SOURCE_DIR); it != fs::recursive_directory_iterator(); ++it) {
            std::string const path = fs::relative(it->path(), SOURCE_DIR).string();
            if (path == "build" || path == ".git") it.disable_recursion_pending();
            else if (it->is_regular_file()) found.insert(path);
        }
        return found;
    }();
    return all;
}

// Whether a file has this path, or a path that ends with it. A star matches any characters except a slash.
bool exists(std::string const& name) {
    std::string pattern = "(.*/)?";
    for (char const c : name) pattern += c == '*' ? "[^/]*" : c == '.' ? "\\." : std::string(1, c);
    std::regex const wanted(pattern);
    return std::ranges::any_of(all_files(), [&](std::string const& path) { return std::regex_match(path, wanted); });
}

} // namespace

std::vector<std::string> long_lines(source_file const& s) {
    std::vector<std::string> found;
    std::string const text = is_test(s) ? without_literals(s.text) : s.text;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size(); ++number) {
        std::size_t const end = std::min(text.find('\n', begin), text.size());
        std::size_t const n = columns(std::string_view(text).substr(begin, end - begin));
        if (n > longest_line) found.push_back(place(s, number + 1) + " a line of " + std::to_string(n) + " columns");
        begin = end + 1;
    }
    return found;
}

std::vector<std::string> long_functions(source_file const& s) { return function_finder(s).too_long(); }

std::vector<std::string> long_files(source_file const& s) {
    auto const lines = static_cast<std::size_t>(std::ranges::count(s.text, '\n'));
    if (lines <= longest_file) return {};
    return {s.path + " a file of " + std::to_string(lines) + " lines"};
}

std::vector<std::string> names_taken_over(source_file const& s) {
    std::vector<std::string> found;
    if (!s.path.ends_with(".hpp")) return found;
    // `using name = …` is allowed because it declares a name. An indented `using` is in a class or a function and
    // affects no other file.
    std::regex const taken("(^|\n)using [^=;]*;");
    std::string const code = code_of(s.text);
    for (std::sregex_iterator it(code.begin(), code.end(), taken), end; it != end; ++it) {
        auto const at = static_cast<std::size_t>(it->position()) + static_cast<std::size_t>(it->length(1));
        found.push_back(place(s, line_of(code, at)) + " " + code.substr(at, code.find(';', at) - at));
    }
    return found;
}

std::vector<std::string> files_that_do_not_exist(source_file const& s) {
    // Only file types of the sources. Comments may name files of users or executions freely.
    std::regex const name("[A-Za-z_*][A-Za-z0-9_*/-]*\\.(cpp|hpp|css|js|md|pm|cmake)\\b");
    std::vector<std::string> found;
    std::string const comments = comments_of(s.text);
    for (std::sregex_iterator it(comments.begin(), comments.end(), name), end; it != end; ++it)
        if (!exists(it->str()))
            found.push_back(
                place(s, line_of(comments, static_cast<std::size_t>(it->position()))) + " names " + it->str());
    return found;
}

std::vector<std::string> members_of_one_server(source_file const& s) {
    std::vector<std::string> found;
    if (!s.path.starts_with("traces/rules/") && !s.path.starts_with("traces/model/")) return found;
    std::regex const begin("\\bstruct (\\w+) final : rule \\{"), end("\n\\};");
    std::regex const member("\n    ((?:bool|int|ref|seq_t|nanoseconds|word_text|name_text|violation|std::u?int\\w+|"
                            "std::size_t|std::string|std::optional<[^;]*>) [^;()]*_(?: = [^;]*)?);");
    std::string const code = code_of(s.text);
    for (std::sregex_iterator rule(code.begin(), code.end(), begin), none; rule != none; ++rule) {
        auto const from = code.begin() + rule->position();
        std::smatch last;
        auto const to = std::regex_search(from, code.end(), last, end) ? from + last.position() : code.end();
        for (std::sregex_iterator it(from, to, member); it != none; ++it)
            found.push_back(place(s, line_of(code, static_cast<std::size_t>(from - code.begin() + it->position(1)))) +
                " " + rule->str(1) + " keeps " + it->str(1));
    }
    return found;
}

} // namespace shutdown_repro::tests
