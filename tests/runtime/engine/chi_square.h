#pragma once

#include <cmath>
#include <limits>
#include <span>

namespace longshot {

/// How far counts lie from their law, in standard deviations: chi-square by the Wilson-Hilferty transform.
/// Cells expected below 5 are pooled; a count where the law is 0 gives infinity.
inline double ChiSquareZ(std::span<const int64_t> counts, std::span<const double> law) {
  int64_t total = 0;
  for (int64_t count : counts) total += count;
  double chi = 0, pooled_expected = 0, pooled_count = 0;
  int cells = 0;
  const auto add = [&](double count, double expected) {
    chi += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = law[i] * static_cast<double>(total), count = static_cast<double>(counts[i]);
    if (expected <= 0 && count > 0) return std::numeric_limits<double>::infinity();
    if (expected >= 5) {
      add(count, expected);
    } else {
      pooled_expected += expected;
      pooled_count += count;
    }
  }
  if (pooled_expected > 0) add(pooled_count, pooled_expected);
  const double freedom = cells - 1, spread = 2.0 / (9.0 * freedom);
  return (std::cbrt(chi / freedom) - (1.0 - spread)) / std::sqrt(spread);
}

}  // namespace longshot
