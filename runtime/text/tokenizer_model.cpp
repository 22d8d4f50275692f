#include <bit>

#include "core/error.h"
#include "core/planted_bug.h"
#include "runtime/text/vocabulary_files.h"
#include "runtime/text/wire_format.h"

namespace longshot {
namespace {

constexpr std::string_view kFile = "tokenizer.model";
constexpr size_t kMaxPieces = size_t{1} << 22;

// Field numbers and values: sentencepiece_model.proto of sentencepiece 0.1.97.
TokenKind KindOf(uint64_t type) {
  switch (type) {
    case 1:
      return TokenKind::kNormal;
    case 2:
      return TokenKind::kUnknown;
    case 3:
      return TokenKind::kControl;
    case 4:
      return TokenKind::kUserDefined;
    case 5:
      return TokenKind::kUnused;
    case 6:
      return TokenKind::kByte;
    default:
      Throw(ErrorCode::kFormat, "{}: a piece has the unknown type {}", kFile, type);
  }
}

void Expect(const WireField& field, WireField::Type type, const char* name) {
  if (field.type != type) {
    Throw(ErrorCode::kFormat, "{}: {} has wire type {}, expected {}", kFile, name, static_cast<int>(field.type),
          static_cast<int>(type));
  }
}

void ReadPiece(std::string_view message, Vocabulary& vocabulary) {
  WireReader reader(message, kFile);
  std::string_view text;
  float score = 0;
  TokenKind kind = TokenKind::kNormal;
  for (WireField field; reader.Next(field);) {
    if (field.id == 1) {
      Expect(field, WireField::Type::kBytes, "piece");
      text = field.bytes;
    } else if (field.id == 2) {
      Expect(field, WireField::Type::kFixed32, "score");
      score = std::bit_cast<float>(static_cast<uint32_t>(field.number));
    } else if (field.id == 3) {
      Expect(field, WireField::Type::kVarint, "type");
      kind = KindOf(field.number);
    }
  }
  if (vocabulary.pieces.size() == kMaxPieces)
    Throw(ErrorCode::kFormat, "{} has more than {} pieces", kFile, kMaxPieces);
  if (kind == TokenKind::kUnknown) vocabulary.unknown = static_cast<Token>(vocabulary.pieces.size());
  vocabulary.pieces.emplace_back(text);
  vocabulary.scores.push_back(score);
  vocabulary.kinds.push_back(kind);
}

struct TrainerIds {
  int64_t bos = 1, eos = 2;  ///< the format's defaults
};

void ReadTrainer(std::string_view message, Vocabulary& vocabulary, TrainerIds& ids) {
  WireReader reader(message, kFile);
  for (WireField field; reader.Next(field);) {
    const bool known = field.id == 3 || field.id == 24 || field.id == 41 || field.id == 42;
    if (known) Expect(field, WireField::Type::kVarint, "a trainer setting");
    if (field.id == 3) {
      if (field.number != 1 && field.number != 2) {
        Throw(ErrorCode::kUnsupported, "{}: model type {} is not supported (supported: 1 unigram, 2 BPE)", kFile,
              field.number);
      }
      vocabulary.unigram = field.number == 1;
    } else if (field.id == 24 && field.number != 0) {
      Throw(ErrorCode::kUnsupported, "{}: white space as a suffix is not supported", kFile);
    } else if (field.id == 41) {
      ids.bos = static_cast<int32_t>(field.number);
    } else if (field.id == 42) {
      ids.eos = static_cast<int32_t>(field.number);
    }
  }
}

void ReadNormalizer(std::string_view message, Vocabulary& vocabulary) {
  WireReader reader(message, kFile);
  bool removes_spaces = true, escapes_spaces = true;  // the format's defaults
  for (WireField field; reader.Next(field);) {
    if (field.id >= 3 && field.id <= 5) Expect(field, WireField::Type::kVarint, "a normalizer setting");
    if (field.id == 2) {
      Expect(field, WireField::Type::kBytes, "precompiled_charsmap");
      if (field.bytes.empty()) continue;
      if (Planted(PlantedBug::kCharsMap)) {
        vocabulary.pre = field.bytes;
        continue;
      }
      Throw(ErrorCode::kUnsupported,
            "{}: it rewrites characters before tokenizing (precompiled_charsmap of {} bytes), which cannot be "
            "undone and is not supported; only the \"identity\" normalizer is",
            kFile, field.bytes.size());
    }
    if (field.id == 3) vocabulary.add_space_prefix = field.number != 0;
    if (field.id == 4) removes_spaces = field.number != 0;
    if (field.id == 5) escapes_spaces = field.number != 0;
  }
  if (removes_spaces) {
    Throw(ErrorCode::kUnsupported, "{}: it removes extra white space, which cannot be undone and is not supported",
          kFile);
  }
  if (!escapes_spaces) Throw(ErrorCode::kUnsupported, "{}: spaces that are not escaped are not supported", kFile);
}

Token IdOrNone(int64_t id, TokenKind kind, const Vocabulary& vocabulary) {
  const bool valid = id >= 0 && id < static_cast<int64_t>(vocabulary.pieces.size()) && vocabulary.kinds[id] == kind;
  return valid ? static_cast<Token>(id) : kNoToken;
}

}  // namespace

Vocabulary ReadTokenizerModel(std::string_view bytes) {
  Vocabulary vocabulary;
  vocabulary.kind = TokenizerKind::kSentencePiece;
  vocabulary.unigram = true;  // the format's default
  TrainerIds ids;
  bool has_normalizer = false;
  WireReader reader(bytes, kFile);
  for (WireField field; reader.Next(field);) {
    if (field.id < 1 || field.id > 3) continue;
    Expect(field, WireField::Type::kBytes, "a section");
    if (field.id == 1) ReadPiece(field.bytes, vocabulary);
    if (field.id == 2) ReadTrainer(field.bytes, vocabulary, ids);
    if (field.id == 3) ReadNormalizer(field.bytes, vocabulary);
    has_normalizer = has_normalizer || field.id == 3;
  }
  if (vocabulary.pieces.empty()) Throw(ErrorCode::kFormat, "{} has no pieces; is it a sentencepiece model?", kFile);
  if (!has_normalizer) ReadNormalizer({}, vocabulary);
  vocabulary.bos = IdOrNone(ids.bos, TokenKind::kControl, vocabulary);
  vocabulary.eos = IdOrNone(ids.eos, TokenKind::kControl, vocabulary);
  if (vocabulary.eos != kNoToken) vocabulary.end_of_generation.push_back(vocabulary.eos);
  vocabulary.add_bos = vocabulary.bos != kNoToken;
  return vocabulary;
}

}  // namespace longshot
