#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "core/rng.h"

namespace longshot {

/// A stream of draws that depends on nothing but its seed and its number of samples before.
class TaskDraws {
 public:
  TaskDraws(uint64_t seed, int64_t sample) : seed_(seed), sample_(static_cast<uint32_t>(sample)) {}

  /// Uniform in [0, n).
  int64_t Below(int64_t n) {
    const double u = Uniform({.seed = seed_, .round = sample_, .index = index_++, .purpose = DrawPurpose::kTask});
    return std::min<int64_t>(static_cast<int64_t>(u * static_cast<double>(n)), n - 1);
  }
  template <class T>
  const T& Of(std::span<const T> values) {
    return values[static_cast<size_t>(Below(std::ssize(values)))];
  }

 private:
  uint64_t seed_;
  uint32_t sample_, index_ = 0;
};

}  // namespace longshot
