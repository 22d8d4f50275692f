#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/regex.h"

namespace longshot {

/// The names a `Vocabulary::pre` may have, llama.cpp's spelling.
std::span<const std::string_view> PreTokenizerNames();

/// Cuts text into the words inside which BPE merges. Immutable.
class PreTokenizer {
 public:
  /// Errors: kUnsupported naming the pre-tokenizer found and those supported.
  explicit PreTokenizer(std::string_view name);

  /// Words of `text`, in order, nothing left out. Runs of bytes that are not UTF-8 are words of their own.
  std::vector<std::string_view> Split(std::string_view text) const;

  /// Whether a word that is a piece of the vocabulary is that token, whatever the merges say.
  bool ignores_merges() const { return ignores_merges_; }

 private:
  void SplitValid(std::string_view text, std::vector<std::string_view>& out) const;

  std::vector<Regex> stages_;  ///< each cuts the words of the one before
  bool ignores_merges_ = false;
};

}  // namespace longshot
