#pragma once

#include <span>
#include <vector>

#include "core/types.h"

namespace longshot {

/// Measured time of one target pass by its number of rows, at one context length. Between measured points it
/// is linear; it never falls as rows grow (a smaller value after a larger one is noise and is raised).
class VerificationCost {
 public:
  struct Point {
    int rows = 0;
    double ms = 0;
  };

  /// REQUIRES: points not empty, the first at 1 row, rows ascending, ms > 0.
  explicit VerificationCost(std::vector<Point> points);

  std::span<const Point> points() const { return points_; }
  int max_rows() const { return points_.back().rows; }
  /// Milliseconds of a pass of `rows` rows. REQUIRES: 1 <= rows <= max_rows().
  double Ms(int rows) const;

 private:
  std::vector<Point> points_;
};

/// What `DraftCap` assumes about a drafter.
struct DraftAssumption {
  /// P(a node is accepted | its parent was), for the best drafter on the best text. 0.95 is a copying drafter
  /// inside a copied passage; anything lower would cap it where it still pays.
  double acceptance = 0.95;
  /// Time of drafting one more level, for drafters that run a model; 0 for look-ups.
  double ms_per_level = 0;
};

/// The largest proposal that can pay.
struct DraftLimits {
  int64_t max_nodes = 1;
  int64_t max_depth = 1;
  friend bool operator==(const DraftLimits&, const DraftLimits&) = default;
};

/// Largest useful tree size and depth under a verification cost. A proposal of n nodes is taken to emit as
/// much as a chain of n whose every node is accepted with probability a: tokens(n) = 1 + a + ... + a^n, at
/// most n + 1. The cap is the n that maximises tokens(n) / time(n), time(n) = cost of n + 1 rows (+ n levels
/// of drafting for the depth): beyond it, a node costs more than its most hopeful yield, since a larger
/// proposal is slower per token even for that drafter. Ties go to the smaller n; at least 1; at most the
/// measured rows - 1. A pure function of its arguments. Source: Leviathan et al. 2022, arXiv 2211.17192,
/// theorem 3.8, with a measured cost in place of a constant one.
DraftLimits DraftCap(const VerificationCost& cost, const DraftAssumption& assumption = {});

}  // namespace longshot
