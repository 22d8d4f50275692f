// labels: unit
#include "experiments/statistics.h"

#include <gtest/gtest.h>

#include <numeric>

namespace longshot {
namespace {

std::vector<double> UpTo(int n) {
  std::vector<double> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

TEST(Statistics, MedianOfOddAndEvenNumbers) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(Median({}), 0);
}

// Order statistics of the 95 % interval of a median: 6 values: all; 9: the second and eighth; 15: the fourth and
// twelfth.
TEST(Statistics, IntervalsOfMedians) {
  EXPECT_EQ(IntervalOf(UpTo(5)).low, 1);
  EXPECT_EQ(IntervalOf(UpTo(6)).low, 1);
  EXPECT_EQ(IntervalOf(UpTo(9)).low, 2);
  EXPECT_EQ(IntervalOf(UpTo(9)).high, 8);
  EXPECT_EQ(IntervalOf(UpTo(15)).low, 4);
  EXPECT_EQ(IntervalOf(UpTo(15)).high, 12);
  EXPECT_EQ(IntervalOf({}).median, 0);
  EXPECT_NEAR(IntervalOf(UpTo(1000)).low, 469, 1);
  EXPECT_NEAR(IntervalOf(UpTo(1001)).low, 469, 2);
  EXPECT_NEAR(IntervalOf(UpTo(100'000)).high, 50'310, 2);
}

}  // namespace
}  // namespace longshot
