#pragma once

#include <array>
#include <cstdint>
#include <queue>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/types.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/vocabulary.h"

namespace longshot {

/// Byte-level byte-pair encoding. Source: Sennrich et al. 2016, arXiv 1508.07909; over bytes as in GPT-2.
/// Immutable. Inside a word the merge listed first is applied first, leftmost first among equals.
class ByteLevelBpe {
 public:
  /// Errors: kUnsupported (pre-tokenizer), kFormat (a merge with an empty side).
  explicit ByteLevelBpe(const Vocabulary& vocabulary);

  /// Appends the tokens of `text`. Control and unknown tokens are never produced, whatever the merges make.
  /// What the vocabulary cannot spell is left out where the text is UTF-8 and becomes U+FFFD elsewhere, both
  /// as in llama.cpp. Cost: O(n log n) in the bytes of `text`; returns the merge candidates looked at (at
  /// most 3 per byte).
  int64_t Encode(std::string_view text, std::vector<Token>& out) const;

  bool HasByte(uint8_t byte) const { return token_of_byte_[byte] != kNoToken; }

 private:
  using Symbol = int32_t;  ///< a byte, or what some merge makes; not every symbol is a token
  struct Merge {
    int32_t rank;
    Symbol result;
  };
  struct Candidate {
    int32_t rank;
    int32_t left, right;  ///< places in the word
    Symbol left_symbol, right_symbol, result;
    bool operator>(const Candidate& o) const { return rank != o.rank ? rank > o.rank : left > o.left; }
  };
  struct Place {
    Symbol symbol;  ///< kNoSymbol once merged into its left neighbour
    int32_t previous, next;
  };
  /// Memory of one word's merging, reused for the next.
  struct Scratch {
    std::vector<Place> places;
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    int64_t looked_at = 0;
  };
  class Interner;
  struct PairHash {
    size_t operator()(uint64_t pair) const { return (pair ^ pair >> 29) * 0x9E3779B97F4A7C15u >> 7; }
  };

  static constexpr Symbol kNoSymbol = -1;

  void AddMerges(const Vocabulary& vocabulary, Interner& interner);
  void EncodeInvalid(std::string_view bytes, Scratch& scratch, std::vector<Token>& out) const;
  void EncodeWord(std::string_view word, Scratch& scratch, std::vector<Token>& out) const;
  void MergeWord(std::string_view word, Scratch& scratch) const;
  void AddCandidate(int32_t left, int32_t right, Scratch& scratch) const;
  void AppendBytes(std::string_view bytes, std::vector<Token>& out) const;
  Token WholeWord(std::string_view word) const;

  PreTokenizer pre_tokenizer_;
  std::unordered_map<uint64_t, Merge, PairHash> merges_;  ///< by left << 32 | right
  std::vector<Token> token_of_symbol_;                    ///< kNoToken: falls back to bytes
  std::array<Token, 256> token_of_byte_{};
  std::unordered_map<std::string, Token> whole_words_;  ///< raw bytes; only when merges are ignored for them
  size_t longest_whole_word_ = 0;
};

}  // namespace longshot
