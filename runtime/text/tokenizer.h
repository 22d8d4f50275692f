#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "runtime/text/vocabulary.h"

namespace longshot {

struct EncodeOptions {
  /// Reads control tokens written out in the text ("<|im_end|>"). Never set it for text from outside.
  bool parse_special = false;
  /// Prepends the BOS token.
  bool add_bos = false;
  /// Sentencepiece with `Vocabulary::add_space_prefix`: the text starts a sentence and gets the dummy space.
  /// False for text that continues a plain text encoded before it.
  bool starts_text = true;
};

/// Text to tokens and back. Immutable: every method is const and may be called from any thread.
///
/// `Decode(Encode(text)) == text` for any bytes, valid UTF-8 or not, that the vocabulary can spell
/// (`CanSpell`). Llama, Llama-3, Qwen and GPT-2 spell every byte; SmolLM and StarCoder lack a few control
/// characters and bytes of the rarest scripts: these are left out, as llama.cpp does, and U+FFFD stands for
/// them outside UTF-8. User-defined tokens are split out of the text first, longest first, as llama.cpp does;
/// control tokens only with `parse_special`.
class Tokenizer {
 public:
  /// Errors: kUnsupported naming an unknown pre-tokenizer and those supported; kFormat when the vocabulary is
  /// inconsistent (counts that differ, ids out of range, pieces sentencepiece refuses).
  explicit Tokenizer(Vocabulary vocabulary);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Tokens of `text`; cost O(n log n) in its bytes whatever its content.
  /// Errors: kUnsupported when `add_bos` is asked of a vocabulary without BOS; kFormat when a sentencepiece
  /// vocabulary has neither a token for a byte of the text nor an unknown token.
  std::vector<Token> Encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// Raw bytes of one token, possibly a part of a code point. Control and unknown tokens are empty unless
  /// `special`; so are ids past the vocabulary (models pad their embedding rows).
  std::string Piece(Token token, bool special = false) const;

  /// The inverse of `Encode`: concatenated pieces, without the dummy spaces that `Encode` put in.
  std::string Decode(std::span<const Token> tokens, bool special = false) const;

  /// Id of a piece spelled as the vocabulary stores it, or kNoToken.
  Token TokenOf(std::string_view stored_piece) const;

  /// Whether there is a token for this byte alone, so that any text with it can be represented.
  bool CanSpell(uint8_t byte) const;

  bool IsControl(Token token) const;
  /// EOS, end of turn and their like: generation stops there.
  bool IsEndOfGeneration(Token token) const;
  int vocab_size() const;
  Token bos() const;
  Token eos() const;
  /// Whether the file asks for BOS before a prompt.
  bool adds_bos() const;
  const Vocabulary& vocabulary() const;

 private:
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};

/// Turns generated tokens into text as they come: never splits a code point between two results. Bytes that
/// cannot be completed to valid UTF-8 are passed on as they are as soon as that is known.
/// The tokenizer must outlive it.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool special = false)
      : tokenizer_(&tokenizer), special_(special) {}

  /// Text that `token` completes, possibly empty.
  std::string Push(Token token);
  /// What is still held back: an unfinished code point at the end of the output.
  std::string Finish();

 private:
  const Tokenizer* tokenizer_;
  bool special_;
  std::string held_;
};

}  // namespace longshot
