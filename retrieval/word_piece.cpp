#include "retrieval/word_piece.h"

#include <algorithm>

#include "core/error.h"
#include "core/sha256.h"
#include "core/utf8.h"
#include "retrieval/bert_characters.h"

namespace longshot {
namespace {

constexpr std::string_view kInside = "##";
constexpr int kMaxWordCharacters = 100;
constexpr uint32_t kReplacement = 0xFFFD;

/// Takes the first character off `text`; bytes that are none count as U+FFFD one by one.
uint32_t TakeCharacter(std::string_view& text) {
  const int length = CodePointLength(text.substr(0, 4));
  const uint32_t character = length > 0 ? DecodeCodePoint(text.substr(0, 4)) : kReplacement;
  text.remove_prefix(static_cast<size_t>(std::max(length, 1)));
  return character;
}

/// Bytes of the last character of valid UTF-8.
size_t LastCharacterLength(std::string_view text) {
  size_t length = 1;
  while (length < text.size() && (static_cast<uint8_t>(text[text.size() - length]) & 0xC0) == 0x80) ++length;
  return length;
}

std::string Identify(const WordPieceVocabulary& vocabulary) {
  Sha256 hash;
  hash.Update(std::string(vocabulary.uncased ? "uncased\n" : "cased\n"));
  for (const std::string& piece : vocabulary.pieces) hash.Update(piece + '\n');
  return hash.HexDigest();
}

}  // namespace

/// Puts a text's characters together to words and hands them to the tokenizer.
class WordPiece::Words {
 public:
  Words(const WordPiece& tokenizer, std::vector<Token>& ids) : tokenizer_(tokenizer), ids_(ids) {}

  void Add(uint32_t character) {
    switch (ClassifyForBert(character)) {
      case BertCharacter::kIgnored:
        return;
      case BertCharacter::kSpace:
        return End();
      case BertCharacter::kIdeograph:
        End();
        AddNormalised(character);
        return End();
      default:
        return AddNormalised(character);
    }
  }

  void End() {
    if (characters_ > kMaxWordCharacters) {
      ids_.push_back(tokenizer_.unknown_);
    } else if (characters_ > 0) {
      tokenizer_.AddWord(word_, ids_);
    }
    word_.clear();
    characters_ = 0;
  }

 private:
  void AddNormalised(uint32_t character) {
    if (!tokenizer_.uncased_) return Append(character);
    for (const char32_t part : FoldForBert(character)) Append(part);
  }

  /// Punctuation is looked for after folding: the Greek question mark becomes a semicolon first.
  void Append(uint32_t character) {
    const bool alone = ClassifyForBert(character) == BertCharacter::kPunctuation;
    if (alone) End();
    if (characters_ <= kMaxWordCharacters) {
      AppendCodePoint(character, word_);
      ++characters_;
    }
    if (alone) End();
  }

  const WordPiece& tokenizer_;
  std::vector<Token>& ids_;
  std::string word_;
  int characters_ = 0;  ///< of the word, counted to one beyond the limit
};

WordPiece::WordPiece(WordPieceVocabulary vocabulary) : uncased_(vocabulary.uncased), identity_(Identify(vocabulary)) {
  continues_.resize(vocabulary.pieces.size());
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    std::string& piece = vocabulary.pieces[id];
    if (piece.empty()) continue;
    const bool inside = piece.size() > kInside.size() && piece.starts_with(kInside);
    if (inside) piece.erase(0, kInside.size());
    longest_ = std::max(longest_, piece.size());
    continues_[id] = inside;
    (inside ? later_ : first_).insert_or_assign(std::move(piece), static_cast<Token>(id));
  }
  cls_ = Require("[CLS]");
  sep_ = Require("[SEP]");
  unknown_ = Require("[UNK]");
}

Token WordPiece::Require(std::string_view piece) const {
  const auto at = first_.find(piece);
  if (at == first_.end()) {
    Throw(ErrorCode::kFormat, "the vocabulary has no {}: expected that of a BERT model, one piece a line", piece);
  }
  return at->second;
}

Token WordPiece::LongestPiece(const Pieces& pieces, std::string_view text, size_t& length) const {
  text = text.substr(0, longest_);
  for (; !text.empty(); text.remove_suffix(LastCharacterLength(text))) {
    const auto at = pieces.find(text);
    if (at == pieces.end()) continue;
    length = text.size();
    return at->second;
  }
  length = 0;
  return kNoToken;
}

void WordPiece::AddWord(std::string_view word, std::vector<Token>& ids) const {
  const size_t begin = ids.size();
  const Pieces* pieces = &first_;
  while (!word.empty()) {
    size_t length = 0;
    const Token piece = LongestPiece(*pieces, word, length);
    if (piece == kNoToken) {
      ids.resize(begin);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(piece);
    word.remove_prefix(length);
    pieces = &later_;
  }
}

std::vector<Token> WordPiece::Encode(std::string_view text) const {
  std::vector<Token> ids;
  Words words(*this, ids);
  while (!text.empty()) words.Add(TakeCharacter(text));
  words.End();
  return ids;
}

}  // namespace longshot
