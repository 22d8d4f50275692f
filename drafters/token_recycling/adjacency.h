#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"

namespace longshot {

/// For every token, the tokens expected after it, best first. A row that was never written is empty.
class Adjacency {
 public:
  static constexpr int kRow = 8;  ///< successors kept, as in the paper

  /// Forgets everything and makes room for `vocab` rows.
  void Reset(int64_t vocab);
  /// Successors of `token`, best first; up to kRow.
  std::span<const Token> Row(Token token) const;
  /// Replaces the row. REQUIRES: at most kRow distinct successors.
  void Write(Token token, std::span<const Token> successors);
  /// Puts `successor` first and drops the last one if the row is full.
  void Promote(Token token, Token successor);
  int64_t bytes() const { return static_cast<int64_t>(successors_.capacity() * sizeof(Token)); }

 private:
  size_t Offset(Token token) const;

  std::vector<Token> successors_;  ///< [V, kRow], kNoToken after the last one
};

}  // namespace longshot
