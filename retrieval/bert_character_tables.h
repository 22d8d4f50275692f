#pragma once

#include <cstdint>
#include <span>

/// What becomes of characters in BERT's tokenizer, as `tests/golden/embeddings/bert_characters.py` found it.
namespace longshot {

/// Characters first to last.
struct CharacterRange {
  char32_t first, last;
};

/// `count` characters from `first` on, `step` apart; each folds to one, those `to_step` apart from `to` on.
struct FoldRun {
  char32_t first, to;
  uint16_t count;
  uint8_t step, to_step;
};

/// A character that folds to two or three; a zero ends two.
struct FoldSequence {
  char32_t first;
  char32_t to[3];
};

/// Characters from `first` on that fold to those of `to`, one by one.
struct FoldBlock {
  char32_t first;
  const char32_t* to;
  uint16_t count;
};

// All ascending. Where classes overlap, an ideograph folds too.
extern const std::span<const CharacterRange> kBertIgnored, kBertSpaces, kBertIdeographs, kBertPunctuation;
extern const std::span<const CharacterRange> kBertAccents;  ///< folded to nothing
extern const std::span<const FoldRun> kBertRuns;
extern const std::span<const FoldSequence> kBertSequences;
extern const std::span<const FoldBlock> kBertBlocks;

}  // namespace longshot
