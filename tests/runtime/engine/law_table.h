#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/rng.h"
#include "core/types.h"

namespace longshot {

/// Seeded random laws over V tokens for every pair of preceding tokens, as logits. Some are nearly flat, some
/// nearly certain, and about `zero_share` of all probabilities are exactly 0 (-inf).
class LawTable {
 public:
  LawTable(int vocab, uint64_t seed, double zero_share = 0.15) : vocab_(vocab), logits_(vocab * vocab * vocab) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (int row = 0; row < vocab * vocab; ++row) {
      const double spread = 0.3 + 2.5 * Draw(seed, row, -1);
      const int kept = static_cast<int>(Draw(seed, row, -2) * vocab);
      for (int x = 0; x < vocab; ++x) {
        const double gumbel = -std::log(-std::log(Draw(seed, row, x) * 0.999 + 0.0005));
        const bool zero = x != kept && Draw(seed, row, x + vocab) < zero_share;
        logits_[row * vocab + x] = zero ? -kInfinity : static_cast<float>(spread * gumbel);
      }
    }
  }

  int vocab() const { return vocab_; }
  /// [V] logits after `... second, last`.
  std::span<const float> Row(Token second, Token last) const {
    return std::span(logits_).subspan((static_cast<size_t>(second) * vocab_ + last) * vocab_, vocab_);
  }
  /// A row that sees the last token only: a cheap approximation of nothing in particular.
  std::span<const float> ShortRow(Token last) const { return Row(0, last); }

 private:
  static double Draw(uint64_t seed, int row, int column) {
    return Uniform({.seed = seed, .round = static_cast<uint32_t>(row), .node = column, .purpose = DrawPurpose::kTest});
  }

  int vocab_;
  std::vector<float> logits_;
};

}  // namespace longshot
