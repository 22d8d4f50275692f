#include "runtime/engine/cost_model.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {

VerificationCost::VerificationCost(std::vector<Point> points) : points_(std::move(points)) {
  CHECK(!points_.empty() && points_[0].rows == 1, "costs begin at 1 row");
  for (size_t i = 0; i < points_.size(); ++i) {
    CHECK(points_[i].ms > 0, "{} rows cost {} ms", points_[i].rows, points_[i].ms);
    if (i == 0) continue;
    CHECK(points_[i].rows > points_[i - 1].rows, "rows must ascend");
    points_[i].ms = std::max(points_[i].ms, points_[i - 1].ms);
  }
}

double VerificationCost::Ms(int rows) const {
  CHECK(rows >= 1 && rows <= max_rows(), "{} rows of {} measured", rows, max_rows());
  size_t i = 0;
  while (points_[i].rows < rows) ++i;
  if (points_[i].rows == rows) return points_[i].ms;
  const Point &below = points_[i - 1], &above = points_[i];
  const double share = static_cast<double>(rows - below.rows) / (above.rows - below.rows);
  return below.ms + share * (above.ms - below.ms);
}

namespace {

/// The n that maximises tokens(n) / (verification of n + 1 rows + n * ms_per_level).
int64_t BestChain(const VerificationCost& cost, double acceptance, double ms_per_level) {
  int64_t best = 1;
  double best_speed = 0, tokens = 1, survival = 1;
  for (int n = 1; n < cost.max_rows(); ++n) {
    survival *= acceptance;
    tokens += survival;
    const double speed = tokens / (cost.Ms(n + 1) + n * ms_per_level);
    if (speed <= best_speed) continue;
    best_speed = speed;
    best = n;
  }
  return best;
}

}  // namespace

DraftLimits DraftCap(const VerificationCost& cost, const DraftAssumption& assumption) {
  CHECK(assumption.acceptance > 0 && assumption.acceptance <= 1, "acceptance {}", assumption.acceptance);
  DraftLimits limits;
  limits.max_nodes = BestChain(cost, assumption.acceptance, 0);
  limits.max_depth = std::min(limits.max_nodes, BestChain(cost, assumption.acceptance, assumption.ms_per_level));
  return limits;
}

}  // namespace longshot
