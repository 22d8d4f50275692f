#pragma once

#include <string>
#include <string_view>

namespace longshot {

/// `text` from an untrusted file, fit for a terminal and a log: control bytes and bytes past ASCII that are
/// not part of valid UTF-8 become \xNN, at most `limit` bytes are shown and the rest is told by its count.
std::string Printable(std::string_view text, size_t limit = 80);

}  // namespace longshot
