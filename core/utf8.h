#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace longshot {

/// Bytes of the code point that starts `text`, 1 to 4, or 0 when none starts there: a stray continuation
/// byte, an overlong form, a surrogate, a value above U+10FFFF, or a sequence cut short. Source: RFC 3629,
/// section 4.
int CodePointLength(std::string_view text);

/// Whether `text` is the beginning of a code point that more bytes could complete.
bool IsUnfinishedCodePoint(std::string_view text);

/// The code point that starts `text`. REQUIRES: CodePointLength(text) > 0.
uint32_t DecodeCodePoint(std::string_view text);

void AppendCodePoint(uint32_t code_point, std::string& out);

/// Length in bytes of the longest valid prefix of `text`.
size_t ValidPrefix(std::string_view text);

}  // namespace longshot
