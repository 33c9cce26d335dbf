#include "cli/completion/completion.hpp"
#include "cli/options/arguments.hpp"
#include "cli/terminal/shell_line.hpp"

namespace shutdown_repro::cli {
namespace {

// The words before the cursor are walked once: which subcommand, and how many of its places are taken.
constexpr char const* fish_start = R"(# fish completion for shutdown-repro, written by: shutdown-repro completion fish
function __shutdown_repro_at --argument-names command place
    set -l tokens (commandline -opc)
    set -l in ''
    set -l taken 0
    set -l is_value no
    for word in $tokens[2..-1]
        if test $is_value = yes
            set is_value no
        else if contains -- "$in $word" $__shutdown_repro_with_value
            set is_value yes
        else if not string match -q -- '-*' $word
            if test -z "$in"
                set in $word
            else
                set taken (math $taken + 1)
            end
        end
    end
    test "$in" = "$command"; or return 1
    switch "$place"
        case ''
        case '*+'
            test $taken -ge (string trim -r -c + -- $place)
        case '*'
            test $taken -eq $place
    end
end
complete -c shutdown-repro --no-files
)";

std::string fish_quoted(std::string const& text) { // fish knows \\ and \' in single quotes
    std::string out = "'";
    for (char c : text) {
        if (c == '\\' || c == '\'') out += '\\';
        out += c;
    }
    return out + "'";
}

std::string candidates(completion_value const& v) {
    if (v.folders) return " -a '(__fish_complete_directories (commandline -ct))'";
    if (v.list) return " -a '(__fish_append , " + shell_line(v.words) + ")'"; // no word of ours needs a quote
    return v.words.empty() ? "" : " -a " + fish_quoted(shell_line(v.words));
}

// Where a line applies; place "": anywhere in the command.
std::string line(command_completion const& c, std::string const& place) {
    return "complete -c shutdown-repro -n " +
        fish_quoted("__shutdown_repro_at " + (c.name.empty() ? "''" : c.name) + (place.empty() ? "" : " " + place));
}

std::string option_line(command_completion const& c, option_completion const& o) {
    std::string out = line(c, "");
    for (std::string const& name : o.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (o.takes_value) out += (o.value.files ? " -r -F" : " -x") + candidates(o.value);
    return out + " -d " + fish_quoted(o.summary) + "\n";
}

} // namespace

std::string fish_completion(command_completions const& all) {
    std::string with_value = "set -g __shutdown_repro_with_value", lines;
    for (command_completion const& c : all) {
        for (option_completion const& o : c.options) {
            lines += option_line(c, o);
            if (o.takes_value)
                for (std::string const& name : o.names) with_value += " " + fish_quoted(c.name + " " + name);
        }
        if (!c.name.empty()) lines += line(all.front(), "") + " -a " + c.name + " -d " + fish_quoted(c.summary) + "\n";
        for (std::size_t i = 0; i < c.places.size(); ++i) {
            completion_value const& v = c.places[i].value;
            lines += line(c, std::to_string(i) + (c.places[i].repeats ? "+" : "")) + (v.files ? " -F" : "") +
                candidates(v) + "\n";
        }
    }
    return fish_start + with_value + "\n" + lines;
}

} // namespace shutdown_repro::cli
