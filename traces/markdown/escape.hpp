// Somebody else's text in Markdown, as GitHub and GitLab render it, and in a Mermaid diagram within it. A backslash
// does not stop these sites from linking @names, #numbers and addresses, which they find in the rendered text; code
// does. So what a trace says is code, everywhere.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

// One line in a code span, "`` a ` b ``": the delimiter is longer than every run of backticks in it. Line ends and
// what is not printable are shown as by printable(); at most 400 columns. An empty text is "` `".
std::string code_span(std::string_view);

// A fenced block: `language`, then the lines as they are, each made printable. The fence is longer than every run of
// backticks.
std::string code_block(std::string_view language, std::string_view lines);

// A label of a Mermaid sequence diagram, at most `width` columns. Letters, digits and harmless punctuation stay; what
// Mermaid or HTML gives a meaning to becomes a space, and no directive, comment, entity or statement can begin in it.
std::string mermaid_label(std::string_view, std::size_t width);

} // namespace shutdown_repro::traces
