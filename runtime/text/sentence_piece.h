#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/types.h"
#include "runtime/text/vocabulary.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace longshot {

/// The byte that a byte piece such as "<0x0A>" names, or -1.
int ByteOfPiece(std::string_view piece);

/// `piece` with a space for every U+2581, the mark by which sentencepiece spells spaces.
std::string SpacesForMarks(std::string_view piece);

/// Serialises a vocabulary as the model file that the sentencepiece library reads. Ids are kept. Only normal
/// and unused pieces are spelled: every other id becomes a control piece with a name of its own, so that the
/// library never produces it. `characters` follow as pieces of last resort.
std::string SerializeSentencePieceModel(const Vocabulary& vocabulary, std::span<const std::string> characters);

/// Segmentation by the sentencepiece library, with bytes it cannot represent handled here. Immutable.
/// Source: Kudo and Richardson 2018, arXiv 1808.06226.
class SentencePieceModel {
 public:
  /// Errors: kFormat for pieces or scores the library cannot take.
  explicit SentencePieceModel(const Vocabulary& vocabulary);
  ~SentencePieceModel();

  /// Appends the tokens of `text`; `space_prefix` puts the dummy space before it. Bytes that are not UTF-8,
  /// and a literal U+2581 (which the vocabulary uses for the space), become byte tokens, so that decoding is
  /// exact. Errors: kFormat when a byte has no token and the vocabulary no unknown token.
  void Encode(std::string_view text, bool space_prefix, std::vector<Token>& out) const;

  bool HasByte(uint8_t byte) const { return token_of_byte_[byte] != kNoToken; }

 private:
  struct Run;
  std::vector<std::string> AddPieces(const Vocabulary& vocabulary);
  void Load(const std::string& model);
  size_t KnownPrefix(std::string_view text) const;
  void EncodeRun(std::string_view text, Run& run) const;
  void EncodeWord(std::string_view word, std::vector<Token>& out) const;
  void AppendBytes(std::string_view bytes, std::vector<Token>& out) const;

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::unordered_map<std::string, Token> token_of_piece_;  ///< normal and unused pieces
  std::array<Token, 256> token_of_byte_{};
  Token unknown_ = kNoToken;
  /// By code point: occurs in some piece. The library joins neighbours it does not know, in quadratic time,
  /// so that it is shown only characters it knows.
  std::vector<bool> known_;
  /// No piece has a space after another character: then a text may be cut before every space.
  bool words_start_with_space_ = true;
};

}  // namespace longshot
