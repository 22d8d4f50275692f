#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/types.h"

namespace longshot {

enum class TokenizerKind : uint8_t { kByteLevelBpe, kSentencePiece };
enum class TokenKind : uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

/// Everything a tokenizer is made from, whichever file it came from: a GGUF's metadata
/// (`ModelFile::vocabulary`), `tokenizer.json` or `tokenizer.model` (`ReadTokenizerJson`,
/// `ReadTokenizerModel`).
struct Vocabulary {
  TokenizerKind kind = TokenizerKind::kByteLevelBpe;
  /// Pre-tokenizer in llama.cpp's spelling: "gpt-2", "smollm", "starcoder", "llama-bpe", "qwen2". BPE only.
  std::string pre;
  std::vector<std::string> pieces;  ///< as stored: byte-level alphabet for BPE, U+2581 for sentencepiece
  std::vector<TokenKind> kinds;     ///< one per piece
  std::vector<float> scores;        ///< sentencepiece only
  std::vector<std::pair<std::string, std::string>> merges;  ///< BPE, best first
  Token bos = kNoToken, eos = kNoToken, unknown = kNoToken;
  std::vector<Token> end_of_generation;  ///< tokens that end an answer, `eos` included
  bool add_bos = false;                  ///< the file asks for BOS before a prompt
  bool add_space_prefix = true;          ///< sentencepiece: dummy prefix
  bool unigram = false;                  ///< sentencepiece: best total score instead of best-first merging
  std::string chat_template;             ///< the file's template text, only recognised, never executed
};

}  // namespace longshot
