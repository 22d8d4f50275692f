#include "retrieval/bert_characters.h"

#include <algorithm>

#include "retrieval/bert_character_tables.h"

namespace longshot {
namespace {

/// The last entry that begins at `character` or before it; nullptr when all begin later.
template <class Entry>
const Entry* LastBefore(std::span<const Entry> table, char32_t character) {
  const auto after = std::upper_bound(table.begin(), table.end(), character,
                                      [](char32_t c, const Entry& entry) { return c < entry.first; });
  return after == table.begin() ? nullptr : &*(after - 1);
}

bool IsIn(std::span<const CharacterRange> ranges, char32_t character) {
  const CharacterRange* range = LastBefore(ranges, character);
  return range != nullptr && character <= range->last;
}

FoldedCharacter One(char32_t character) { return {1, {character}}; }

/// Syllables are arithmetic. Source: The Unicode Standard, section 3.12, "Hangul syllable decomposition".
FoldedCharacter FoldHangul(char32_t index) {
  constexpr char32_t kLead = 0x1100, kVowel = 0x1161, kTrail = 0x11A7, kTrails = 28, kVowels = 21;
  const char32_t trail = index % kTrails;
  return {static_cast<uint8_t>(trail != 0 ? 3 : 2),
          {kLead + index / (kVowels * kTrails), kVowel + index / kTrails % kVowels, kTrail + trail}};
}

/// The character of a run or block that `character` folds to; itself when in none.
char32_t FoldToOne(char32_t character) {
  if (const FoldBlock* block = LastBefore(kBertBlocks, character);
      block != nullptr && character - block->first < block->count) {
    return block->to[character - block->first];
  }
  const FoldRun* run = LastBefore(kBertRuns, character);
  if (run == nullptr) return character;
  const char32_t distance = character - run->first;
  if (distance % run->step != 0 || distance / run->step >= run->count) return character;
  return run->to + distance / run->step * run->to_step;
}

BertCharacter ClassifyAscii(uint32_t character) {
  if ((character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
      (character >= '0' && character <= '9')) {
    return BertCharacter::kWord;
  }
  if (character == ' ' || character == '\t' || character == '\n' || character == '\r') return BertCharacter::kSpace;
  return character < ' ' || character == 0x7F ? BertCharacter::kIgnored : BertCharacter::kPunctuation;
}

}  // namespace

BertCharacter ClassifyForBert(uint32_t character) {
  if (character < 0x80) return ClassifyAscii(character);
  if (IsIn(kBertPunctuation, character)) return BertCharacter::kPunctuation;
  if (IsIn(kBertIdeographs, character)) return BertCharacter::kIdeograph;
  if (IsIn(kBertSpaces, character)) return BertCharacter::kSpace;
  return IsIn(kBertIgnored, character) ? BertCharacter::kIgnored : BertCharacter::kWord;
}

FoldedCharacter FoldForBert(uint32_t character) {
  constexpr char32_t kFirstSyllable = 0xAC00, kSyllables = 11172;
  if (character < 0x80) return One(character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : character);
  if (character - kFirstSyllable < kSyllables) return FoldHangul(character - kFirstSyllable);
  if (IsIn(kBertAccents, character)) return {};
  if (const FoldSequence* sequence = LastBefore(kBertSequences, character);
      sequence != nullptr && sequence->first == character) {
    const auto& to = sequence->to;
    return {static_cast<uint8_t>(to[2] != 0 ? 3 : 2), {to[0], to[1], to[2]}};
  }
  return One(FoldToOne(character));
}

}  // namespace longshot
