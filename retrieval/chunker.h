#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace longshot {

/// Bytes [offset, offset + length) of a text, at most as many tokens as was asked for.
struct TextSpan {
  int64_t offset = 0, length = 0;
  int64_t tokens = 0;  ///< sum over its pieces, each tokenised by itself
};

/// Tokens of a piece of text, special ones not counted.
using TokenCounter = std::function<int64_t(std::string_view)>;

}  // namespace longshot
