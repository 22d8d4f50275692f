#pragma once

#include <string>
#include <string_view>

namespace longshot {

/// What a browser would show of an HTML page, as plain text: tags, comments, scripts and styles left out, character
/// references decoded, white space folded except inside <pre>, a blank line around paragraphs, headings, lists and
/// tables, a line break around their parts, a tab between table cells. Any bytes are taken, as UTF-8; those outside it
/// stay as they are. What is left open (a tag, a comment, a script) lasts until the end, as in browsers.
/// Cost: O(bytes), and no more memory than the page has.
std::string HtmlText(std::string_view html);

}  // namespace longshot
