#include "runtime/text/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"
#include "core/utf8.h"
#include "runtime/text/wire_format.h"

namespace longshot {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81";
constexpr uint32_t kMarkCodePoint = 0x2581;
constexpr uint32_t kCodePoints = 0x110000;
constexpr float kUnknownPenalty = 10;  // what the library takes off for a character it does not know
constexpr size_t kLongestCachedWord = 64;

bool IsSpelled(TokenKind kind) { return kind == TokenKind::kNormal || kind == TokenKind::kUnused; }

void CheckPiece(const Vocabulary& vocabulary, size_t id) {
  const std::string& piece = vocabulary.pieces[id];
  if (piece.empty() || piece.find('\0') != std::string::npos) {
    Throw(ErrorCode::kFormat, "tokenizer: piece {} (\"{}\") is empty or has a zero byte", id, Printable(piece));
  }
  if (!std::isfinite(vocabulary.scores[id])) {
    Throw(ErrorCode::kFormat, "tokenizer: the score of piece {} (\"{}\") is not a finite number", id, Printable(piece));
  }
}

// Whether a space follows another character inside the piece.
bool HasInnerSpace(std::string_view piece) {
  for (size_t at = piece.find(kMark); at != std::string_view::npos; at = piece.find(kMark, at + kMark.size())) {
    if (at > 0 && !piece.substr(0, at).ends_with(kMark)) return true;
  }
  return false;
}

}  // namespace

int ByteOfPiece(std::string_view piece) {
  unsigned byte = 0;
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const auto [end, error] = std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  return error == std::errc() && end == piece.data() + 5 ? static_cast<int>(byte) : -1;
}

std::string SpacesForMarks(std::string_view piece) {
  std::string text;
  for (size_t at = 0; at < piece.size();) {
    const bool space = piece.substr(at).starts_with(kMark);
    text += space ? ' ' : piece[at];
    at += space ? kMark.size() : 1;
  }
  return text;
}

std::string SerializeSentencePieceModel(const Vocabulary& vocabulary, std::span<const std::string> characters) {
  // Field numbers and values: sentencepiece_model.proto of sentencepiece 0.1.97.
  enum : uint32_t { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
  enum : uint32_t { kPieceText = 1, kPieceScore = 2, kPieceType = 3 };
  enum : uint64_t { kNormalType = 1, kUnknownType = 2, kControlType = 3, kUnusedType = 5 };
  WireWriter model;
  float lowest = 0;
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    const TokenKind kind = vocabulary.kinds[id];
    WireWriter piece;
    piece.Bytes(kPieceText, IsSpelled(kind) ? vocabulary.pieces[id] : fmt::format("\x01{}", id));
    piece.Float(kPieceScore, IsSpelled(kind) ? vocabulary.scores[id] : 0.0f);
    piece.Varint(kPieceType, kind == TokenKind::kNormal ? kNormalType : IsSpelled(kind) ? kUnusedType : kControlType);
    model.Bytes(kPieces, piece.message());
    if (IsSpelled(kind)) lowest = std::min(lowest, vocabulary.scores[id]);
  }
  for (const std::string& character : characters) {
    WireWriter piece;
    piece.Bytes(kPieceText, character);
    piece.Float(kPieceScore, lowest - kUnknownPenalty);
    model.Bytes(kPieces, piece.message());
  }
  // The library wants exactly one unknown piece; ours stands past the vocabulary and only marks what is left
  // over.
  WireWriter unknown;
  unknown.Bytes(kPieceText, "\x01unknown");
  unknown.Varint(kPieceType, kUnknownType);
  model.Bytes(kPieces, unknown.message());
  WireWriter trainer;
  trainer.Varint(3, vocabulary.unigram ? 1 : 2);  // model_type
  model.Bytes(kTrainer, trainer.message());
  WireWriter normalizer;
  normalizer.Bytes(1, "identity");  // name
  // The planted bug: the reader passes a file's character map on.
  if (Planted(PlantedBug::kCharsMap)) normalizer.Bytes(2, vocabulary.pre);
  normalizer.Varint(3, 0);  // add_dummy_prefix
  normalizer.Varint(4, 0);  // remove_extra_whitespaces
  normalizer.Varint(5, 1);  // escape_whitespaces
  model.Bytes(kNormalizer, normalizer.message());
  return model.message();
}

SentencePieceModel::SentencePieceModel(const Vocabulary& vocabulary)
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()),
      unknown_(vocabulary.unknown),
      known_(kCodePoints, false) {
  token_of_byte_.fill(kNoToken);
  const std::vector<std::string> characters = AddPieces(vocabulary);
  Load(SerializeSentencePieceModel(vocabulary, characters));
}

// Returns the characters that occur in pieces without being pieces themselves.
std::vector<std::string> SentencePieceModel::AddPieces(const Vocabulary& vocabulary) {
  std::vector<std::string> characters;
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    const std::string& piece = vocabulary.pieces[id];
    const TokenKind kind = vocabulary.kinds[id];
    if (kind == TokenKind::kByte) {
      if (const int byte = ByteOfPiece(piece); byte >= 0) token_of_byte_[byte] = static_cast<Token>(id);
    }
    if (!IsSpelled(kind)) continue;
    CheckPiece(vocabulary, id);
    token_of_piece_.emplace(piece, static_cast<Token>(id));
    words_start_with_space_ = words_start_with_space_ && !HasInnerSpace(piece);
    std::string_view rest = piece;
    for (int length; (length = CodePointLength(rest)) > 0; rest.remove_prefix(length)) {
      const uint32_t code_point = DecodeCodePoint(rest);
      if (!known_[code_point]) characters.emplace_back(rest.substr(0, length));
      known_[code_point] = true;
    }
  }
  std::erase_if(characters, [&](const std::string& character) { return token_of_piece_.contains(character); });
  return characters;
}

void SentencePieceModel::Load(const std::string& model) {
  std::string reason;
  try {
    const sentencepiece::util::Status status = processor_->LoadFromSerializedProto(model);
    if (!status.ok()) reason = status.ToString();
  } catch (const std::exception& e) {  // its trie throws
    reason = e.what();
  }
  if (!reason.empty()) {
    Throw(ErrorCode::kFormat, "tokenizer: sentencepiece refuses the vocabulary: {}", Printable(reason, 200));
  }
}

SentencePieceModel::~SentencePieceModel() = default;

// One call's output and the words it has met.
struct SentencePieceModel::Run {
  struct Range {
    size_t begin, size;
  };
  std::vector<Token>& out;
  std::unordered_map<std::string_view, Range> seen;
};

void SentencePieceModel::Encode(std::string_view text, bool space_prefix, std::vector<Token>& out) const {
  std::string prefixed;  // the dummy space joins the first word
  if (space_prefix && !text.empty()) {
    prefixed = " ";
    prefixed += text;
    text = prefixed;
  }
  Run run{out, {}};
  while (!text.empty()) {
    const size_t known = KnownPrefix(text);
    EncodeRun(text.substr(0, known), run);
    text.remove_prefix(known);
    if (text.empty()) break;
    const size_t bytes = std::max(1, CodePointLength(text));
    AppendBytes(text.substr(0, bytes), out);
    text.remove_prefix(bytes);
  }
}

// Length of the longest prefix of characters that the library is shown: a literal mark would come back as a
// space.
size_t SentencePieceModel::KnownPrefix(std::string_view text) const {
  size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    const int length = CodePointLength(rest);
    if (length == 0 || rest.starts_with(kMark)) break;
    if (!known_[rest[0] == ' ' ? kMarkCodePoint : DecodeCodePoint(rest)]) break;
    at += length;
  }
  return at;
}

void SentencePieceModel::EncodeRun(std::string_view text, Run& run) const {
  while (!text.empty()) {
    size_t size = text.size();
    if (words_start_with_space_) {
      const size_t word = text.find_first_not_of(' ');
      size = std::min(size, text.find(' ', std::min(word, text.size())));
    }
    const std::string_view word = text.substr(0, size);
    text.remove_prefix(size);
    const auto it = run.seen.find(word);
    if (it != run.seen.end()) {
      for (size_t i = 0; i < it->second.size; ++i) run.out.push_back(run.out[it->second.begin + i]);
      continue;
    }
    const size_t begin = run.out.size();
    EncodeWord(word, run.out);
    if (word.size() <= kLongestCachedWord) run.seen.emplace(word, Run::Range{begin, run.out.size() - begin});
  }
}

void SentencePieceModel::EncodeWord(std::string_view word, std::vector<Token>& out) const {
  std::vector<std::string> pieces;
  const sentencepiece::util::Status status = processor_->Encode(absl::string_view(word.data(), word.size()), &pieces);
  if (!status.ok()) Throw(ErrorCode::kFormat, "tokenizer: sentencepiece: {}", Printable(status.ToString(), 200));
  for (const std::string& piece : pieces) {
    const auto it = token_of_piece_.find(piece);
    if (it != token_of_piece_.end()) {
      out.push_back(it->second);
    } else {
      AppendBytes(SpacesForMarks(piece), out);
    }
  }
}

void SentencePieceModel::AppendBytes(std::string_view bytes, std::vector<Token>& out) const {
  for (char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    const Token token = token_of_byte_[byte] != kNoToken ? token_of_byte_[byte] : unknown_;
    if (token == kNoToken) {
      Throw(ErrorCode::kFormat, "tokenizer: the text has the byte 0x{:02x}, for which the vocabulary has no token",
            byte);
    }
    out.push_back(token);
  }
}

}  // namespace longshot
