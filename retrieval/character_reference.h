#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace longshot {

/// A character that HTML spells out.
struct CharacterReference {
  uint32_t code_point = 0;
  size_t length = 0;  ///< bytes of its spelling; 0: none stands there
};

/// The reference that starts `text`: "&#65;", "&#x41;" (with or without the semicolon; what is no code point becomes
/// U+FFFD, and 128 to 159 mean Windows-1252, as in browsers), or a name of HTML 4 or "&apos;" with its semicolon.
CharacterReference ParseCharacterReference(std::string_view text);

}  // namespace longshot
