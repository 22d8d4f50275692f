#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/text/byte_alphabet.h"
#include "runtime/text/vocabulary.h"
#include "runtime/text/wire_format.h"

namespace longshot::testing_text {

/// Adds a piece and returns its id.
inline Token Add(Vocabulary& v, const std::string& piece, TokenKind kind, float score = 0) {
  v.pieces.push_back(piece);
  v.kinds.push_back(kind);
  v.scores.push_back(score);
  return static_cast<Token>(v.pieces.size() - 1);
}

/// A byte-level vocabulary: ids 0 to 255 are the bytes, then the merges in order, then `added`.
inline Vocabulary ByteLevel(const std::string& pre, const std::vector<std::pair<std::string, std::string>>& merges,
                            const std::vector<std::pair<std::string, TokenKind>>& added = {}) {
  Vocabulary v;
  v.kind = TokenizerKind::kByteLevelBpe;
  v.pre = pre;
  v.add_space_prefix = false;
  for (int byte = 0; byte < 256; ++byte) Add(v, std::string(ByteCharacter(byte)), TokenKind::kNormal);
  for (const auto& [left, right] : merges) Add(v, left + right, TokenKind::kNormal);
  v.merges = merges;
  for (const auto& [piece, kind] : added) Add(v, piece, kind);
  return v;
}

/// ChatML's two control tokens.
inline std::vector<std::pair<std::string, TokenKind>> ChatMlTokens() {
  return {{"<|im_start|>", TokenKind::kControl}, {"<|im_end|>", TokenKind::kControl}};
}

/// A sentencepiece vocabulary: <unk>, <s>, </s>, 256 bytes, then a few pieces with falling scores.
inline Vocabulary SentencePiece(bool unigram = false) {
  Vocabulary v;
  v.kind = TokenizerKind::kSentencePiece;
  v.unigram = unigram;
  v.unknown = Add(v, "<unk>", TokenKind::kUnknown);
  v.bos = Add(v, "<s>", TokenKind::kControl);
  v.eos = Add(v, "</s>", TokenKind::kControl);
  v.end_of_generation = {v.eos};
  v.add_bos = true;
  for (int byte = 0; byte < 256; ++byte) Add(v, fmt::format("<0x{:02X}>", byte), TokenKind::kByte);
  float score = 0;
  for (const char* piece : {"\u2581a", "ab", "\u2581ab", "\u2581\u2581", "\u2581", "a", "b", "c", "\u00e9"}) {
    Add(v, piece, TokenKind::kNormal, score -= 1);
  }
  return v;
}

/// The section that stands for a pre-tokenizer in tokenizer.json.
inline nlohmann::json PreTokenizerSection(const std::string& pre) {
  const auto byte_level = [](bool use_regex) {
    return nlohmann::json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}};
  };
  const auto sequence = [](nlohmann::json first, nlohmann::json second) {
    return nlohmann::json{{"type", "Sequence"}, {"pretokenizers", {std::move(first), std::move(second)}}};
  };
  if (pre == "gpt-2") return byte_level(true);
  if (pre == "smollm") return sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true));
  const std::string digits = pre == "llama-bpe" ? "{1,3}" : "";
  const std::string pattern = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" + digits +
                              R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  return sequence({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
                  byte_level(false));
}

/// A byte-level vocabulary as tokenizer.json.
inline nlohmann::json ToTokenizerJson(const Vocabulary& v) {
  nlohmann::json pieces = nlohmann::json::object(), added = nlohmann::json::array(), merges = nlohmann::json::array();
  for (size_t id = 0; id < v.pieces.size(); ++id) {
    if (v.kinds[id] == TokenKind::kNormal) {
      pieces[v.pieces[id]] = id;
    } else {
      added.push_back({{"id", id}, {"content", v.pieces[id]}, {"special", v.kinds[id] == TokenKind::kControl}});
    }
  }
  for (const auto& [left, right] : v.merges) merges.push_back(left + ' ' + right);
  return {{"version", "1.0"},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", PreTokenizerSection(v.pre)},
          {"model", {{"type", "BPE"}, {"vocab", pieces}, {"merges", merges}}}};
}

/// What a tokenizer.model may say beside its pieces.
struct ModelSettings {
  uint64_t model_type = 2;
  std::string precompiled_charsmap = "";
  bool removes_spaces = false, escapes_spaces = true;
};

/// A sentencepiece vocabulary as tokenizer.model.
inline std::string ToTokenizerModel(const Vocabulary& v, const ModelSettings& settings = {}) {
  WireWriter model, trainer, normalizer;
  for (size_t id = 0; id < v.pieces.size(); ++id) {
    WireWriter piece;
    piece.Bytes(1, v.pieces[id]);
    piece.Float(2, v.scores[id]);
    constexpr uint64_t kTypes[] = {1, 2, 3, 4, 5, 6};  // in the order of TokenKind
    piece.Varint(3, kTypes[static_cast<int>(v.kinds[id])]);
    model.Bytes(1, piece.message());
  }
  trainer.Varint(3, settings.model_type);
  trainer.Varint(35, 1);
  model.Bytes(2, trainer.message());
  normalizer.Bytes(1, "identity");
  normalizer.Bytes(2, settings.precompiled_charsmap);
  normalizer.Varint(3, v.add_space_prefix);
  normalizer.Varint(4, settings.removes_spaces);
  normalizer.Varint(5, settings.escapes_spaces);
  model.Bytes(3, normalizer.message());
  return model.message();
}

}  // namespace longshot::testing_text
