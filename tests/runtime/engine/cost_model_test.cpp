#include "runtime/engine/cost_model.h"

#include <gtest/gtest.h>

#include <array>

namespace longshot {
namespace {

VerificationCost Linear(int max_rows, double per_row) {
  return VerificationCost({{1, 1.0}, {max_rows, 1.0 + per_row * (max_rows - 1)}});
}

TEST(VerificationCost, IsLinearBetweenPointsAndNeverFalls) {
  const VerificationCost cost({{1, 10}, {2, 9}, {4, 14}, {8, 30}});
  EXPECT_EQ(cost.Ms(1), 10);
  EXPECT_EQ(cost.Ms(2), 10) << "a smaller time for more rows is noise";
  EXPECT_EQ(cost.Ms(3), 12);
  EXPECT_EQ(cost.Ms(4), 14);
  EXPECT_EQ(cost.Ms(6), 22);
  EXPECT_EQ(cost.max_rows(), 8);
  EXPECT_DEATH(cost.Ms(9), "9 rows of 8 measured");
  EXPECT_DEATH(VerificationCost({{2, 1}}), "begin at 1 row");
}

TEST(DraftCap, FreeRowsAreAllUsed) { EXPECT_EQ(DraftCap(Linear(32, 0.0)), (DraftLimits{31, 31})); }

TEST(DraftCap, RowsAsDearAsPassesStillLeaveOne) {
  EXPECT_EQ(DraftCap(Linear(32, 1.0)), (DraftLimits{1, 1}));
  EXPECT_EQ(DraftCap(Linear(32, 5.0)), (DraftLimits{1, 1}));
  EXPECT_EQ(DraftCap(VerificationCost({{1, 1.0}})), (DraftLimits{1, 1}));
}

TEST(DraftCap, IsTheBestChainOfTheTable) {
  // Optimal chains for a marginal cost per node and an acceptance, by enumeration of (1 - a^(n+1)) / (1 - a)
  // / (1 + n c).
  const auto best = [](double marginal, double acceptance) {
    return DraftCap(Linear(17, marginal), {.acceptance = acceptance}).max_nodes;
  };
  EXPECT_EQ(best(0.02, 0.8), 11);
  EXPECT_EQ(best(0.04, 0.6), 4);
  EXPECT_EQ(best(0.10, 0.9), 10);
  EXPECT_EQ(best(0.15, 0.7), 3);
  EXPECT_EQ(best(0.25, 0.9), 6);
}

TEST(DraftCap, StepsOfTheCurveAreUsedToTheirEnd) {
  // Sixteen rows cost as much as two; the seventeenth doubles it.
  const VerificationCost cost({{1, 1.0}, {2, 1.5}, {16, 1.5}, {17, 3.0}, {32, 3.1}});
  EXPECT_EQ(DraftCap(cost, {.acceptance = 0.9}).max_nodes, 15);
}

TEST(DraftCap, DraftingByAModelLimitsTheDepthBelowTheSize) {
  const VerificationCost cost = Linear(32, 0.02);
  const DraftLimits free = DraftCap(cost), model = DraftCap(cost, {.ms_per_level = 0.3});
  EXPECT_EQ(model.max_nodes, free.max_nodes);
  EXPECT_LT(model.max_depth, free.max_depth);
  EXPECT_GE(model.max_depth, 1);
}

}  // namespace
}  // namespace longshot
