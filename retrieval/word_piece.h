#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/types.h"

namespace longshot {

/// What a WordPiece tokenizer is made from.
struct WordPieceVocabulary {
  std::vector<std::string> pieces;  ///< by id; those inside a word begin with "##"; empty: no piece has this id
  bool uncased = true;              ///< lower case without accents
};

/// Reads `vocab.txt`: one piece a line, its number the id; of equal lines the last counts.
/// Errors: kFormat when it has more than 2^20 lines.
WordPieceVocabulary ReadVocabTxt(std::string_view text, bool uncased);

/// Reads Hugging Face's `tokenizer.json` of a BERT model; its truncation and padding are not read: nothing is cut.
/// Errors: kFormat (malformed, ids beyond 2^20), kUnsupported naming what is not BERT's.
WordPieceVocabulary ReadWordPieceJson(std::string_view json_text);

/// The folder's `vocab.txt`, in lower case unless `tokenizer_config.json` says otherwise, or its `tokenizer.json`.
/// Errors: kIo when it has neither, and those of the readers.
WordPieceVocabulary OpenWordPiece(const std::string& folder);

/// BERT's tokenizer: the same ids as Hugging Face's, except that plain text never becomes a special token ("[SEP]"
/// in a text is three words), and that bytes outside UTF-8 are left out.
/// Source: Devlin et al. 2018, arXiv 1810.04805; Wu et al. 2016, arXiv 1609.08144, section 4.1 (greedy longest match).
class WordPiece {
 public:
  /// Errors: kFormat when [CLS], [SEP] or [UNK] is missing.
  explicit WordPiece(WordPieceVocabulary vocabulary);

  /// Ids of the text, without [CLS] and [SEP]. A word over 100 characters, or with a part that no piece spells, is
  /// [UNK]. Cost: linear in the text, at most 100 look-ups a character.
  std::vector<Token> Encode(std::string_view text) const;
  /// Whether the piece goes on with the word of the one before it.
  bool ContinuesWord(Token piece) const { return continues_[static_cast<size_t>(piece)]; }

  /// SHA-256 of the pieces and of the case.
  const std::string& identity() const { return identity_; }
  int64_t size() const { return static_cast<int64_t>(continues_.size()); }
  Token cls() const { return cls_; }
  Token sep() const { return sep_; }
  Token unknown() const { return unknown_; }

 private:
  class Words;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Pieces = std::unordered_map<std::string, Token, Hash, std::equal_to<>>;

  Token Require(std::string_view piece) const;
  void AddWord(std::string_view word, std::vector<Token>& ids) const;
  /// The longest piece that begins `text`; kNoToken and `length` 0 when there is none.
  Token LongestPiece(const Pieces& pieces, std::string_view text, size_t& length) const;

  Pieces first_;  ///< pieces that begin a word
  Pieces later_;  ///< pieces inside a word, without their "##"
  std::vector<bool> continues_;
  size_t longest_ = 0;  ///< bytes of the longest piece
  bool uncased_ = true;
  std::string identity_;
  Token cls_ = kNoToken, sep_ = kNoToken, unknown_ = kNoToken;
};

}  // namespace longshot
