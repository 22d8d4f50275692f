#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "core/rng.h"

namespace longshot {

/// Seeded random numbers for tests: the same stream everywhere.
class Draws {
 public:
  explicit Draws(uint64_t seed) : seed_(seed) {}

  uint64_t seed() const { return seed_; }
  /// Uniform in [0, 1).
  double Unit() { return Uniform({.seed = seed_, .round = next_++, .purpose = DrawPurpose::kTest}); }
  /// Uniform in [0, n). REQUIRES: n > 0.
  int64_t Below(int64_t n) { return static_cast<int64_t>(Unit() * static_cast<double>(n)); }
  /// Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }
  bool Chance(double p) { return Unit() < p; }
  template <class T, size_t N>
  const T& Pick(const T (&from)[N]) {
    return from[Below(static_cast<int64_t>(N))];
  }
  /// Standard normal (Box and Muller).
  float Normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Unit()));
    return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * Unit()));
  }
  std::vector<float> Normals(int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    for (float& x : values) x = Normal();
    return values;
  }

 private:
  uint64_t seed_;
  uint32_t next_ = 0;
};

}  // namespace longshot
