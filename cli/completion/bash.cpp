#include "cli/completion/completion.hpp"
#include "cli/options/arguments.hpp"
#include "cli/terminal/shell_line.hpp"

namespace shutdown_repro::cli {
namespace {

// readline takes words apart at : and =, so the function puts them together as they were typed, and answers with the
// part that readline replaces. Files are left to readline itself, which quotes them.
constexpr char const* bash_start = R"(# bash completion for shutdown-repro, written by: shutdown-repro completion bash
_shutdown_repro() {
    COMPREPLY=()
    local words=() rest=${COMP_LINE:0:COMP_POINT} gap i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest:${#gap}}
        if [[ $gap || $i -eq 0 ]]; then words+=(""); fi
        words[-1]+=${rest:0:${#COMP_WORDS[i]}}
        rest=${rest:${#COMP_WORDS[i]}}
    done
    local current=${words[-1]} command= option= place=0 word item
    for word in "${words[@]:1:${#words[@]}-2}"; do
        if [[ $option ]]; then option=; continue; fi # its value
        case "$command $word" in
)";
constexpr char const* after_options = R"(        *' -'*) ;;
        *) if [[ $command ]]; then ((place += 1)); else command=$word; fi ;;
        esac
    done
    local lead= candidates=()
    if [[ ! $option && $current == --*=* ]]; then
        option=${current%%=*}
        lead=$option=
    fi
    if [[ $option ]]; then
        case "$command $option" in
)";
constexpr char const* after_values = R"(        esac
    elif [[ $current == -* ]]; then
        case $command in
)";
constexpr char const* after_names = R"(        esac
    else
        case "$command $place" in
)";
constexpr char const* after_places = R"(        esac
    fi
    local breaks=${COMP_WORDBREAKS//[!:=]/} replaced=$current
    if [[ $breaks ]]; then replaced=${current##*[$breaks]}; fi
    for word in "${candidates[@]}"; do
        word=$lead$word
        if [[ $word == "$current"* ]]; then COMPREPLY+=("${word:${#current}-${#replaced}}"); fi
    done
}
complete -F _shutdown_repro shutdown-repro
)";

std::string bash_quoted(std::string const& text) { return "'" + text + "'"; } // our own names, which hold no quote

// As it is typed without quotes: readline takes what it is given as it is.
std::string typed(std::string const& word) {
    std::string out;
    for (char c : word) out += (c == ' ' ? "\\" : "") + std::string(1, c);
    return out;
}

std::string answer(completion_value const& v) {
    std::string out, words;
    for (std::string const& word : v.words) words += (words.empty() ? "" : " ") + shell_line({typed(word)});
    if (v.list) out += " item=${current#\"$lead\"}; lead+=${item%\"${item##*,}\"};";
    if (!words.empty()) out += " candidates=(" + words + ")";
    if (v.files) out += std::string(out.empty() ? "" : ";") + " compopt -o default 2>/dev/null";
    if (v.folders) out += std::string(out.empty() ? "" : ";") + " compopt -o dirnames 2>/dev/null";
    return out;
}

std::string arm(std::string const& pattern, std::string const& answers) {
    return answers.empty() ? "" : "        " + pattern + ")" + answers + " ;;\n";
}

template <class taker> void each_name_with_value(command_completion const& c, taker take) {
    for (option_completion const& o : c.options)
        if (o.takes_value)
            for (std::string const& name : o.names) take(bash_quoted(c.name + " " + name), o);
}

} // namespace

std::string bash_completion(command_completions const& all) {
    std::string out = bash_start;
    for (command_completion const& c : all)
        each_name_with_value(
            c, [&](std::string const& name, option_completion const&) { out += arm(name, " option=$word"); });
    out += after_options;
    for (command_completion const& c : all)
        each_name_with_value(
            c, [&](std::string const& name, option_completion const& o) { out += arm(name, answer(o.value)); });
    out += after_values;
    for (command_completion const& c : all) {
        std::vector<std::string> names;
        for (option_completion const& o : c.options) names.insert(names.end(), o.names.begin(), o.names.end());
        out += arm(bash_quoted(c.name), " candidates=(" + shell_line(names) + ")");
    }
    out += after_names;
    completion_value commands;
    for (command_completion const& c : all)
        if (!c.name.empty()) commands.words.push_back(c.name);
    out += arm("' 0'", answer(commands));
    for (command_completion const& c : all)
        for (std::size_t i = 0; i < c.places.size(); ++i)
            out += arm(
                c.places[i].repeats ? bash_quoted(c.name + " ") + "*" : bash_quoted(c.name + " " + std::to_string(i)),
                answer(c.places[i].value));
    return out + after_places;
}

} // namespace shutdown_repro::cli
