#include "runtime/engine/live_cost.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

constexpr const char* kCurve = "2:1,4:1.2,8:1.5,16:2";

TEST(LiveCost, BeginsWithWhatWasProbed) {
  LiveCost cost;
  cost.Begin(PassCost::Parse(kCurve));
  EXPECT_EQ(cost.single_row_ms(), 0);
  cost.Observe(8, 30);
  EXPECT_DOUBLE_EQ(cost.single_row_ms(), 20);
  EXPECT_EQ(cost.curve()(8), 1.5);
}

TEST(LiveCost, ASlowerMachineMovesTheTimeAndLeavesTheCurve) {
  LiveCost cost;
  const PassCost probed = PassCost::Parse(kCurve);
  cost.Begin(probed);
  for (int i = 0; i < 200; ++i) {
    const int64_t rows = int64_t{1} << i % 5;
    cost.Observe(rows, (i < 40 ? 10 : 30) * probed(rows));
  }
  EXPECT_NEAR(cost.single_row_ms(), 30, 0.6);
  EXPECT_NEAR(cost.curve()(8), 1.5, 0.05);
}

TEST(LiveCost, RowsThatCostMoreThanProbedAreFoundOut) {
  LiveCost cost;
  cost.Begin(PassCost::Parse(kCurve));
  for (int i = 0; i < 200; ++i) cost.Observe(i % 2 == 0 ? 1 : 8, i % 2 == 0 ? 10 : 40);
  EXPECT_NEAR(cost.curve()(8), 4, 0.2);
  EXPECT_NEAR(cost.single_row_ms(), 10, 0.5);
}

TEST(LiveCost, AnInterruptionCountsAsAModerateError) {
  LiveCost cost;
  cost.Begin(PassCost::Parse(kCurve));
  for (int i = 0; i < 50; ++i) cost.Observe(1, 10);
  cost.Observe(1, 5000);
  EXPECT_LT(cost.single_row_ms(), 11);
  cost.Observe(1, 0);
  EXPECT_GT(cost.single_row_ms(), 10) << "a clock that stood still says nothing";
}

}  // namespace
}  // namespace longshot
