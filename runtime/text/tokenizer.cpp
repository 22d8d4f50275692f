#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <future>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "runtime/text/added_tokens.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/byte_level_bpe.h"
#include "runtime/text/sentence_piece.h"

namespace longshot {
namespace {

// Control tokens that end an answer in the chat formats of the supported families, whether or not a file says
// so.
constexpr std::array<std::string_view, 9> kEndSpellings = {"<|im_end|>",      "<|eot_id|>",    "<|eom_id|>",
                                                           "<|end_of_text|>", "<|endoftext|>", "<|end|>",
                                                           "<end_of_turn>",   "</s>",          "<EOT>"};

// Some files call these user-defined, which would let any document write them: they are control tokens.
constexpr std::array<std::string_view, 4> kTurnSpellings = {"<|im_start|>", "<|begin_of_text|>", "<|start_header_id|>",
                                                            "<|end_header_id|>"};

bool IsOneOf(std::string_view piece, std::span<const std::string_view> spellings) {
  return std::find(spellings.begin(), spellings.end(), piece) != spellings.end();
}

void ProtectTurnTokens(Vocabulary& v) {
  for (size_t id = 0; id < v.pieces.size(); ++id) {
    const bool marks_turn = IsOneOf(v.pieces[id], kTurnSpellings) || IsOneOf(v.pieces[id], kEndSpellings);
    if (marks_turn && v.kinds[id] == TokenKind::kUserDefined) v.kinds[id] = TokenKind::kControl;
  }
}

void CheckConsistent(const Vocabulary& v) {
  const size_t count = v.pieces.size();
  if (count == 0) Throw(ErrorCode::kFormat, "tokenizer: the vocabulary has no pieces");
  if (count > INT32_MAX) Throw(ErrorCode::kFormat, "tokenizer: {} pieces are more than token ids", count);
  if (v.kinds.size() != count) {
    Throw(ErrorCode::kFormat, "tokenizer: {} pieces but {} token types", count, v.kinds.size());
  }
  if (v.kind == TokenizerKind::kSentencePiece && v.scores.size() != count) {
    Throw(ErrorCode::kFormat, "tokenizer: {} pieces but {} scores", count, v.scores.size());
  }
  const auto check_id = [&](Token id, const char* name) {
    if (id < kNoToken || id >= static_cast<int64_t>(count)) {
      Throw(ErrorCode::kFormat, "tokenizer: the {} token {} is outside the {} pieces", name, id, count);
    }
  };
  check_id(v.bos, "BOS");
  check_id(v.eos, "EOS");
  check_id(v.unknown, "unknown");
  for (Token id : v.end_of_generation) check_id(id, "end-of-generation");
}

Vocabulary Prepared(Vocabulary v) {
  CheckConsistent(v);
  ProtectTurnTokens(v);
  return v;
}

bool IsSpecial(TokenKind kind) { return kind == TokenKind::kControl || kind == TokenKind::kUnknown; }

// Matched literally, so spelled literally and not preceded by a dummy space.
bool IsAdded(TokenKind kind) { return IsSpecial(kind) || kind == TokenKind::kUserDefined; }

// Raw bytes of one token as text.
std::string BytesOf(const Vocabulary& v, size_t id) {
  const std::string& piece = v.pieces[id];
  if (v.kinds[id] == TokenKind::kByte) {
    const int byte = ByteOfPiece(piece);
    return byte >= 0 ? std::string(1, static_cast<char>(byte)) : piece;
  }
  if (IsAdded(v.kinds[id])) return piece;
  return v.kind == TokenizerKind::kByteLevelBpe ? PieceToBytes(piece) : SpacesForMarks(piece);
}

}  // namespace

struct Tokenizer::Parts {
  explicit Parts(Vocabulary v);
  void EncodeText(std::string_view text, bool space_prefix, std::vector<Token>& out) const;
  bool Contains(Token token) const { return token >= 0 && static_cast<size_t>(token) < bytes.size(); }
  bool HasSpacePrefix() const { return sentence_piece.has_value() && vocabulary.add_space_prefix; }

  Vocabulary vocabulary;
  std::unordered_map<std::string_view, Token> token_of;  ///< keys live in `vocabulary`
  std::vector<std::string> bytes;                        ///< by token
  std::vector<bool> ends;                                ///< by token
  AddedTokens added;
  std::optional<ByteLevelBpe> bpe;
  std::optional<SentencePieceModel> sentence_piece;
};

Tokenizer::Parts::Parts(Vocabulary v) : vocabulary(Prepared(std::move(v))), added(vocabulary) {
  const size_t count = vocabulary.pieces.size();
  // The tables of merges take as long as all the others: every command waits for them at its start. Where no thread can
  // be had (default policy), they are made below.
  std::future<ByteLevelBpe> merges;
  if (vocabulary.kind == TokenizerKind::kByteLevelBpe) {
    merges = std::async([this] { return ByteLevelBpe(vocabulary); });
  } else {
    sentence_piece.emplace(vocabulary);
  }
  token_of.reserve(count);
  bytes.reserve(count);
  ends.assign(count, false);
  for (size_t id = 0; id < count; ++id) {
    const std::string& piece = vocabulary.pieces[id];
    token_of[piece] = static_cast<Token>(id);
    bytes.push_back(BytesOf(vocabulary, id));
    ends[id] = vocabulary.kinds[id] == TokenKind::kControl && IsOneOf(piece, kEndSpellings);
  }
  for (Token id : vocabulary.end_of_generation) {
    if (id != kNoToken) ends[id] = true;
  }
  if (vocabulary.eos != kNoToken) ends[vocabulary.eos] = true;
  if (merges.valid()) bpe.emplace(merges.get());
}

void Tokenizer::Parts::EncodeText(std::string_view text, bool space_prefix, std::vector<Token>& out) const {
  if (bpe.has_value()) {
    bpe->Encode(text, out);
  } else {
    sentence_piece->Encode(text, space_prefix, out);
  }
}

Tokenizer::Tokenizer(Vocabulary vocabulary) : parts_(std::make_unique<const Parts>(std::move(vocabulary))) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<Token> Tokenizer::Encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<Token> out;
  if (options.add_bos) {
    if (bos() == kNoToken) Throw(ErrorCode::kUnsupported, "the vocabulary has no BOS token; leave BOS out");
    out.push_back(bos());
  }
  bool space_prefix = parts_->HasSpacePrefix() && options.starts_text;
  for (const AddedTokens::Part& part : parts_->added.Split(text, options.parse_special)) {
    if (part.token == kNoToken) {
      parts_->EncodeText(part.text, space_prefix, out);
    } else {
      out.push_back(part.token);
    }
    space_prefix = parts_->HasSpacePrefix() && part.token != kNoToken;
  }
  return out;
}

std::string Tokenizer::Piece(Token token, bool special) const {
  if (!parts_->Contains(token)) return {};
  return IsSpecial(parts_->vocabulary.kinds[token]) && !special ? std::string() : parts_->bytes[token];
}

std::string Tokenizer::Decode(std::span<const Token> tokens, bool special) const {
  std::string text;
  bool strip = parts_->HasSpacePrefix();  // a dummy space stands at the start and after every added token
  for (Token token : tokens) {
    const std::string piece = Piece(token, special);
    const bool added = parts_->Contains(token) && IsAdded(parts_->vocabulary.kinds[token]);
    text.append(piece, strip && !added && piece.starts_with(' ') ? 1 : 0);
    strip = added && parts_->HasSpacePrefix();
  }
  return text;
}

Token Tokenizer::TokenOf(std::string_view stored_piece) const {
  const auto it = parts_->token_of.find(stored_piece);
  return it != parts_->token_of.end() ? it->second : kNoToken;
}

bool Tokenizer::CanSpell(uint8_t byte) const {
  return parts_->bpe.has_value() ? parts_->bpe->HasByte(byte) : parts_->sentence_piece->HasByte(byte);
}

bool Tokenizer::IsControl(Token token) const {
  return parts_->Contains(token) && parts_->vocabulary.kinds[token] == TokenKind::kControl;
}
bool Tokenizer::IsEndOfGeneration(Token token) const { return parts_->Contains(token) && parts_->ends[token]; }
int Tokenizer::vocab_size() const { return static_cast<int>(parts_->bytes.size()); }
Token Tokenizer::bos() const { return parts_->vocabulary.bos; }
Token Tokenizer::eos() const { return parts_->vocabulary.eos; }
bool Tokenizer::adds_bos() const { return parts_->vocabulary.add_bos; }
const Vocabulary& Tokenizer::vocabulary() const { return parts_->vocabulary; }

}  // namespace longshot
