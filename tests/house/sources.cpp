#include "tests/house/sources.hpp"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace shutdown_repro::tests {

namespace fs = std::filesystem;

namespace {

enum class part : unsigned char { code, comment, literal };

// Returns the end of the comment or literal that begins at `at`; npos if none begins there.
std::size_t end_of_comment(std::string const& text, std::size_t at) {
    if (text.compare(at, 2, "//") == 0) return std::min(text.find('\n', at), text.size());
    if (text.compare(at, 2, "/*") == 0) return std::min(text.find("*/", at + 2), text.size() - 2) + 2;
    return text.npos;
}

std::size_t end_of_literal(std::string const& text, std::size_t at) {
    if (text.compare(at, 2, "R\"") == 0) {
        std::size_t const open = text.find('(', at);
        std::string const close = ")" + text.substr(at + 2, open - at - 2) + "\"";
        return std::min(text.find(close, open), text.size() - close.size()) + close.size();
    }
    bool const separates_digits = text[at] == '\'' && at && std::isalnum(static_cast<unsigned char>(text[at - 1]));
    if ((text[at] != '"' && text[at] != '\'') || separates_digits) return text.npos;
    std::size_t end = at + 1;
    while (end < text.size() && text[end] != text[at]) end += text[end] == '\\' ? 2 : 1;
    return std::min(end + 1, text.size());
}

std::vector<part> parts_of(std::string const& text) {
    std::vector<part> parts(text.size(), part::code);
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const comment = end_of_comment(text, at);
        std::size_t const end = comment != text.npos ? comment : end_of_literal(text, at);
        if (end == text.npos) {
            ++at;
            continue;
        }
        std::fill(parts.begin() + static_cast<long>(at), parts.begin() + static_cast<long>(end),
            comment != text.npos ? part::comment : part::literal);
        at = end;
    }
    return parts;
}

std::string only(part wanted, std::string const& text) {
    auto const parts = parts_of(text);
    std::string out = text;
    for (std::size_t i = 0; i < out.size(); ++i)
        if (parts[i] != wanted && out[i] != '\n') out[i] = ' ';
    return out;
}

} // namespace

std::vector<std::string> const& product() {
    static std::vector<std::string> const folders{"traces", "server_under_test", "repro", "cli"};
    return folders;
}

std::vector<source_file> read_sources(std::vector<std::string> const& folders) {
    std::vector<source_file> found;
    for (std::string const& folder : folders)
        for (fs::directory_entry const& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / folder)) {
            auto const extension = entry.path().extension();
            if (extension != ".cpp" && extension != ".hpp") continue;
            std::ostringstream text;
            text << std::ifstream(entry.path()).rdbuf();
            found.push_back({fs::relative(entry.path(), SOURCE_DIR).string(), text.str()});
        }
    std::sort(found.begin(), found.end(), [](source_file const& a, source_file const& b) { return a.path < b.path; });
    return found;
}

std::string room_of(std::string const& path) {
    std::size_t const first = path.find('/'), second = path.find('/', first + 1);
    return path.substr(0, second == path.npos ? first : second);
}

std::vector<std::string> includes(source_file const& s, char open, char close) {
    std::regex const line(std::string("(^|\n)#include ") + open + "([^\n]*)" + close);
    std::vector<std::string> found;
    for (std::sregex_iterator it(s.text.begin(), s.text.end(), line), end; it != end; ++it) found.push_back((*it)[2]);
    return found;
}

std::string code_of(std::string const& text) { return only(part::code, text); }
std::string comments_of(std::string const& text) { return only(part::comment, text); }

} // namespace shutdown_repro::tests
