#include "drafters/pay_rule.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

int64_t SizeOf(std::initializer_list<double> accepted, double yield, const PassCost& cost) {
  BestSize best(yield, cost);
  for (const double a : accepted) best.Add(a);
  return best.size();
}

TEST(BestSize, EndsWhereARowCostsMoreThanItYields) {
  EXPECT_EQ(SizeOf({0.9, 0.6, 0.3, 0.1}, 1, PassCost(0.2)), 3);
  EXPECT_EQ(SizeOf({0.9, 0.6, 0.3, 0.1}, 2, PassCost(0.2)), 2) << "a token is worth less time where many come";
  EXPECT_EQ(SizeOf({0.25}, 1, PassCost(0.25)), 0) << "a draw is no gain";
  EXPECT_EQ(SizeOf({}, 1, PassCost(0.2)), 0);
}

TEST(BestSize, AStepIsTakenWhenWhatLiesBehindItPaysForIt) {
  const PassCost step = PassCost::Parse("2:1,4:1,5:1.5,16:1.5");
  EXPECT_EQ(SizeOf({0.5, 0.4, 0.3, 0.2, 0.2}, 1, step), 3);
  EXPECT_EQ(SizeOf({0.5, 0.4, 0.3, 0.2, 0.2, 0.2}, 1, step), 6);
}

TEST(BestContinuation, WeighsDraftingAndRows) {
  const PassCost cheap(0.02);
  EXPECT_EQ(BestContinuation({.draft_cost = 0.5, .cost = cheap}, 1, 0.8, 0.5, 0.8, 10), 2) << "0.64 pays, 0.512 not";
  EXPECT_EQ(BestContinuation({.draft_cost = 0.5, .cost = cheap}, 1, 0.8, 0.5, 0.8, 1), 1);
  EXPECT_EQ(BestContinuation({.draft_cost = 0.9, .cost = cheap}, 1, 0.8, 0.9, 0.8, 10), 0);
  EXPECT_EQ(BestContinuation({.draft_cost = 0.9, .cost = cheap}, 1, 0.8, 0, 0.8, 10), 1) << "drafted already";
  const PassCost step = PassCost::Parse("2:1.5,16:1.5");
  EXPECT_EQ(BestContinuation({.draft_cost = 0.3, .cost = step}, 1, 0.7, 0.3, 0.9, 1), 0) << "one does not pay for it";
  EXPECT_GT(BestContinuation({.draft_cost = 0.3, .cost = step}, 1, 0.7, 0.3, 0.9, 8), 1) << "several do";
}

}  // namespace
}  // namespace longshot
