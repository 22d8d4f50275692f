#include <algorithm>

#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"
#include "runtime/model/gguf_model.h"

namespace longshot {
namespace {

/// Spellings by which published vocabularies mark the end of a turn or a text. llama.cpp recognises them by
/// text too: files often name only one of them.
constexpr std::string_view kEndPieces[] = {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
                                           "</s>",       "<|eom_id|>", "<EOT>",   "_<EOT>",        "<|end_of_text|>",
                                           "<|return|>"};

TokenizerKind Kind(const GgufFile& file) {
  const auto model = file.String("tokenizer.ggml.model");
  if (!model) Throw(ErrorCode::kFormat, "metadata tokenizer.ggml.model is missing: the file has no tokenizer");
  if (*model == "gpt2") return TokenizerKind::kByteLevelBpe;
  if (*model == "llama") return TokenizerKind::kSentencePiece;
  Throw(ErrorCode::kUnsupported,
        "tokenizer family {} is not supported; supported: gpt2 (byte-level BPE), llama (sentencepiece)",
        Printable(*model));
}

/// Other spellings under which llama.cpp's table lists the same splitting.
std::string CanonicalPre(std::string_view pre) {
  if (pre == "llama3" || pre == "llama-v3") return "llama-bpe";
  if (pre == "deepseek-r1-qwen") return "qwen2";
  return std::string(pre);
}

void RequireLength(const char* key, size_t length, size_t tokens) {
  if (length == tokens) return;
  Throw(ErrorCode::kFormat, "metadata {} has {} entries, but tokenizer.ggml.tokens has {}", key, length, tokens);
}

std::vector<std::string> Pieces(const GgufFile& file) {
  const auto stored = file.Strings("tokenizer.ggml.tokens");
  if (!stored || stored->empty()) {
    Throw(ErrorCode::kFormat, "metadata tokenizer.ggml.tokens is missing or empty: the file has no vocabulary");
  }
  return {stored->begin(), stored->end()};
}

/// llama.cpp numbers the kinds from 1 in the order of `TokenKind`; 0 (undefined) is treated as normal.
std::vector<TokenKind> Kinds(const GgufFile& file, size_t tokens) {
  const auto stored = file.Ints("tokenizer.ggml.token_type");
  std::vector<TokenKind> kinds(tokens, TokenKind::kNormal);
  if (!stored) return kinds;
  if (!Planted(PlantedBug::kVocabularySize)) RequireLength("tokenizer.ggml.token_type", stored->size(), tokens);
  const int32_t* types = stored->data();
  for (size_t i = 0; i < tokens; ++i) {
    const int32_t type = types[i];
    if (type < 0 || type > 6) {
      Throw(ErrorCode::kFormat, "metadata tokenizer.ggml.token_type has {} for token {}, expected 0 to 6", type, i);
    }
    if (type > 0) kinds[i] = static_cast<TokenKind>(type - 1);
  }
  return kinds;
}

std::vector<std::pair<std::string, std::string>> Merges(const GgufFile& file) {
  const auto stored = file.Strings("tokenizer.ggml.merges");
  if (!stored) Throw(ErrorCode::kFormat, "metadata tokenizer.ggml.merges is missing: byte-level BPE needs it");
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(stored->size());
  for (const std::string_view merge : *stored) {
    const size_t space = merge.empty() ? merge.npos : merge.find(' ', 1);
    if (space == merge.npos || space + 1 == merge.size()) {
      Throw(ErrorCode::kFormat,
            "metadata tokenizer.ggml.merges has \"{}\", expected two pieces and a space between them",
            Printable(merge));
    }
    merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return merges;
}

Token SpecialToken(const GgufFile& file, const char* key, size_t tokens) {
  const auto id = file.Integer(key);
  if (!id) return kNoToken;
  if (*id == -1 || *id == UINT32_MAX) return kNoToken;  // both mean "none" in published files
  if (*id < 0 || *id >= static_cast<int64_t>(tokens)) {
    Throw(ErrorCode::kFormat, "metadata {} is {}, but the vocabulary has {} tokens", key, *id, tokens);
  }
  return static_cast<Token>(*id);
}

void ReadSentencePiece(const GgufFile& file, Vocabulary& vocabulary) {
  const size_t tokens = vocabulary.pieces.size();
  auto scores = file.Floats("tokenizer.ggml.scores");
  if (!scores) Throw(ErrorCode::kFormat, "metadata tokenizer.ggml.scores is missing: sentencepiece needs it");
  RequireLength("tokenizer.ggml.scores", scores->size(), tokens);
  vocabulary.scores = std::move(*scores);
  // Defaults of the Llama-2 vocabulary, for files that leave them out.
  const auto otherwise = [&](Token id, Token usual) {
    return id == kNoToken && static_cast<size_t>(usual) < tokens ? usual : id;
  };
  vocabulary.unknown = otherwise(vocabulary.unknown, 0);
  vocabulary.bos = otherwise(vocabulary.bos, 1);
  vocabulary.eos = otherwise(vocabulary.eos, 2);
}

/// `eos`, the file's end-of-turn ids, and control tokens spelled like one of `kEndPieces`.
std::vector<Token> EndOfGeneration(const GgufFile& file, const Vocabulary& vocabulary) {
  const size_t tokens = vocabulary.pieces.size();
  std::vector<Token> ends{vocabulary.eos, SpecialToken(file, "tokenizer.ggml.eot_token_id", tokens),
                          SpecialToken(file, "tokenizer.ggml.eom_token_id", tokens)};
  for (size_t i = 0; i < tokens; ++i) {
    if (vocabulary.kinds[i] != TokenKind::kControl && vocabulary.kinds[i] != TokenKind::kUserDefined) continue;
    const bool ending =
        std::find(std::begin(kEndPieces), std::end(kEndPieces), vocabulary.pieces[i]) != std::end(kEndPieces);
    if (ending) ends.push_back(static_cast<Token>(i));
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::erase(ends, kNoToken);
  return ends;
}

}  // namespace

Vocabulary GgufVocabulary(const GgufFile& file) {
  Vocabulary vocabulary;
  vocabulary.kind = Kind(file);
  vocabulary.pieces = Pieces(file);
  const size_t tokens = vocabulary.pieces.size();
  vocabulary.kinds = Kinds(file, tokens);
  vocabulary.bos = SpecialToken(file, "tokenizer.ggml.bos_token_id", tokens);
  vocabulary.eos = SpecialToken(file, "tokenizer.ggml.eos_token_id", tokens);
  vocabulary.unknown = SpecialToken(file, "tokenizer.ggml.unknown_token_id", tokens);
  if (vocabulary.kind == TokenizerKind::kSentencePiece) {
    ReadSentencePiece(file, vocabulary);
  } else {
    vocabulary.pre = CanonicalPre(file.String("tokenizer.ggml.pre").value_or(""));
    vocabulary.merges = Merges(file);
  }
  // llama.cpp's defaults where the file is silent: sentencepiece and Llama-3 prompts begin with BOS.
  const bool usual_bos = vocabulary.kind == TokenizerKind::kSentencePiece || vocabulary.pre == "llama-bpe";
  vocabulary.add_bos = file.Bool("tokenizer.ggml.add_bos_token").value_or(usual_bos);
  vocabulary.add_space_prefix =
      file.Bool("tokenizer.ggml.add_space_prefix").value_or(vocabulary.kind == TokenizerKind::kSentencePiece);
  vocabulary.chat_template = std::string(file.String("tokenizer.chat_template").value_or(""));
  vocabulary.end_of_generation = EndOfGeneration(file, vocabulary);
  return vocabulary;
}

}  // namespace longshot
