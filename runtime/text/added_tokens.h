#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "runtime/text/vocabulary.h"

namespace longshot {

/// Cuts tokens that are matched literally out of a text before it is segmented. Immutable.
/// The longest spelling goes first over the whole text, then the next, as in llama.cpp.
class AddedTokens {
 public:
  explicit AddedTokens(const Vocabulary& vocabulary);

  /// A stretch of plain text (`token` is kNoToken) or one added token.
  struct Part {
    std::string_view text;
    Token token = kNoToken;
  };

  /// User-defined tokens always; control and unknown tokens only with `parse_special`.
  std::vector<Part> Split(std::string_view text, bool parse_special) const;

 private:
  struct Added {
    std::string text;
    Token token;
    bool special;
  };
  std::vector<Added> added_;  ///< longest first, then by id
};

}  // namespace longshot
