#pragma once

#include <cstdlib>

#include "runtime/text/tokenizer.h"

namespace longshot {

/// Builds a tokenizer and checks what it promises for any vocabulary: the text comes back if it can be
/// spelled, and plain text holds no control token. A broken promise aborts, which is a finding; an `Error` is
/// the caller's.
inline void CheckRoundTrip(Vocabulary vocabulary) {
  const Tokenizer tokenizer(std::move(vocabulary));
  for (const std::string_view text :
       {"ab abc  \n\t12", "<|im_start|>\xE2\x96\x81\xC3\xA9\xF0\x9F\x98\x80 \xFF\xE2\x82"}) {
    const std::vector<Token> tokens = tokenizer.Encode(text);
    bool can_spell = true;
    for (const char byte : text) can_spell = can_spell && tokenizer.CanSpell(static_cast<uint8_t>(byte));
    if (can_spell && tokenizer.Decode(tokens) != text) std::abort();
    for (const Token token : tokens) {
      if (tokenizer.IsControl(token)) std::abort();
    }
    tokenizer.Encode(text, {.parse_special = true});
  }
}

}  // namespace longshot
