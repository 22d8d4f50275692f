#pragma once

#include <cstdint>

namespace longshot {

/// What BERT's normalisation and pre-tokenisation do with a character of a text.
enum class BertCharacter : uint8_t {
  kWord,         ///< belongs to a word
  kSpace,        ///< ends a word, leaves nothing
  kPunctuation,  ///< a word of its own
  kIdeograph,    ///< a word of its own: Chinese characters
  kIgnored,      ///< control and format characters, private use, U+0000, U+FFFD
};

BertCharacter ClassifyForBert(uint32_t character);

/// At most three characters.
struct FoldedCharacter {
  uint8_t count = 0;
  char32_t characters[3] = {};

  const char32_t* begin() const { return characters; }
  const char32_t* end() const { return characters + count; }
};

/// `character` decomposed (NFD), without its accents (category Mn), in lower case: of U+00C9 "e", of an accent nothing.
FoldedCharacter FoldForBert(uint32_t character);

}  // namespace longshot
