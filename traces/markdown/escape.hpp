// Escapes untrusted text for Markdown, as GitHub and GitLab render it, and for Mermaid diagrams. A backslash does not
// stop these sites from linking @names, #numbers and addresses, because they look for them in the rendered text. Code
// does, so all text of a trace becomes code.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

// Returns one line in a code span, such as "`` a ` b ``": the delimiter is longer than every run of backticks in the
// text. Applies printable(); at most 400 columns. An empty text becomes "` `".
std::string code_span(std::string_view);

// Returns a fenced block: `language`, then the lines, each made printable. The fence is longer than every run of
// backticks.
std::string code_block(std::string_view language, std::string_view lines);

// Returns a label for a Mermaid sequence diagram, at most `width` columns. Letters, digits and harmless punctuation
// stay. Characters with a meaning in Mermaid or HTML become spaces, so no directive, comment, entity or statement can
// begin.
std::string mermaid_label(std::string_view, std::size_t width);

} // namespace shutdown_repro::traces
