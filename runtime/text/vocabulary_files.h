#pragma once

#include <string_view>

#include "runtime/text/vocabulary.h"

namespace longshot {

/// Reads a byte-level BPE vocabulary from the text of Hugging Face's `tokenizer.json`. The pre-tokenizer is
/// recognised from its section. NFC normalisation is ignored, as llama.cpp does, so that decoding is exact.
/// Memory is bounded by the file's size.
/// Errors: kFormat (malformed JSON, missing or contradicting entries), kUnsupported naming the model type,
/// normaliser or pre-tokenizer found and those supported.
Vocabulary ReadTokenizerJson(std::string_view json_text);

/// Adds what `tokenizer_config.json` says: BOS, EOS, whether a prompt starts with BOS, the chat template.
/// A token that the vocabulary lacks is ignored. Errors: kFormat.
void ReadTokenizerConfig(std::string_view json_text, Vocabulary& vocabulary);

/// Reads a sentencepiece `tokenizer.model` of type unigram or BPE. Memory is bounded by the file's size.
/// Errors: kFormat (malformed), kUnsupported (a character map, removal of white space, other model types).
Vocabulary ReadTokenizerModel(std::string_view bytes);

}  // namespace longshot
