#include "cli/completion/completion.hpp"
#include "cli/options/arguments.hpp"
#include "cli/terminal/shell_line.hpp"

namespace shutdown_repro::cli {
namespace {

// In the specifications of _arguments these are syntax.
std::string with_backslashes(std::string_view text, std::string_view special) {
    std::string out;
    for (char c : text) {
        if (c == '\\' || special.find(c) != special.npos) out += '\\';
        out += c;
    }
    return out;
}

std::string one_word(std::string const& text) { return shell_line({text}); }

// What completes it, as the third part of a specification.
std::string action(completion_value const& v) {
    std::string words;
    for (std::string const& word : v.words) words += (words.empty() ? "" : " ") + with_backslashes(word, ": ()\"$`#");
    if (v.words.empty()) return v.files ? "_files" : v.folders ? "_files -/" : " ";
    if (v.list) return "_sequence compadd - " + words;
    if (!v.files) return "(" + words + ")";
    return "{_alternative \"words\\:" + v.name + "\\:(" + words +
        ")\" \"files\\:file\\:_files\"}"; // bare colons would end it
}

std::string specification(option_completion const& o, std::string const& name) {
    bool const ends =
        o.names.front() == "--help" || o.names.front() == "--version"; // nothing else makes sense beside it
    std::string others;
    for (std::string const& other : o.names) others += (others.empty() ? "" : " ") + other;
    std::string out = o.repeats ? "*" : ends ? "(- *)" : "(" + others + ")";
    out += name + (o.takes_value && name.starts_with("--") ? "=" : "") + "[" + with_backslashes(o.summary, "[]:") + "]";
    return one_word(o.takes_value ? out + ":" + with_backslashes(o.value.name, ":") + ":" + action(o.value) : out);
}

std::string options_of(command_completion const& c, std::string const& indent) {
    std::string out;
    for (option_completion const& o : c.options)
        for (std::string const& name : o.names) out += " \\\n" + indent + specification(o, name);
    return out;
}

std::string places_of(command_completion const& c) {
    std::string out;
    for (std::size_t i = 0; i < c.places.size(); ++i) {
        place_completion const& p = c.places[i];
        out += " \\\n            " +
            one_word((p.repeats ? "*" : std::to_string(i + 1)) + ":" + with_backslashes(p.value.name, ":") + ":" +
                action(p.value));
    }
    return out;
}

} // namespace

std::string zsh_completion(command_completions const& all) {
    std::string out =
        "#compdef shutdown-repro\n# zsh completion for shutdown-repro, written by: shutdown-repro completion zsh\n"
        "_shutdown_repro() {\n    local curcontext=$curcontext state line\n    typeset -A opt_args\n    _arguments -C";
    out += options_of(all.front(), "        ") +
        " \\\n        '1: :->command' '*:: :->arguments' && return\n    case $state in\n    command)\n        local -a "
        "commands=(\n";
    for (command_completion const& c : all)
        if (!c.name.empty()) out += "            " + one_word(with_backslashes(c.name, ":") + ":" + c.summary) + "\n";
    out += "        )\n        _describe command commands\n        ;;\n    arguments)\n        case $words[1] in\n";
    for (command_completion const& c : all)
        if (!c.name.empty())
            out += "        " + c.name + ") _arguments" + options_of(c, "            ") + places_of(c) + " ;;\n";
    // Autoloaded, the file is the function's body: it completes at once. Read by hand, it says for whom it is.
    return out +
        "        esac\n        ;;\n    esac\n}\n"
        "if [[ $funcstack[1] == _shutdown-repro ]]; then _shutdown_repro \"$@\"; else compdef _shutdown_repro "
        "shutdown-repro; fi\n";
}

} // namespace shutdown_repro::cli
