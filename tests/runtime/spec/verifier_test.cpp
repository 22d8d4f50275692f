#include "runtime/spec/verifier.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

TEST(InvertCumulative, NeverGivesAnIndexOfWeightZero) {
  const std::vector<double> weights = {0.0, 2.0, 0.0, 1.0, 0.0};
  EXPECT_EQ(InvertCumulative(weights, 0.0), 1);
  EXPECT_EQ(InvertCumulative(weights, 0.66), 1);
  EXPECT_EQ(InvertCumulative(weights, 0.67), 3);
  EXPECT_EQ(InvertCumulative(weights, 0x1.fffffffffffffp-1), 3);
  EXPECT_EQ(InvertCumulative(weights, 1.0), 3) << "rounding past the end stays in the support";
  EXPECT_DEATH(InvertCumulative(std::vector<double>{0.0, 0.0}, 0.5), "sum to 0");
}

TEST(KeyedRandom, ChancesOfZeroAndOneAreCertain) {
  for (uint32_t round = 0; round < 1000; ++round) {
    KeyedRandom random(1, 0, round);
    EXPECT_FALSE(random.Bernoulli(0, 0, 0.0));
    EXPECT_TRUE(random.Bernoulli(0, 0, 1.0));
  }
}

TEST(KeyedRandom, EveryPartOfTheKeyCounts) {
  const auto pattern = [](uint64_t seed, SequenceId sequence, uint32_t round, NodeId node, uint32_t index) {
    return KeyedRandom(seed, sequence, round).Bernoulli(node, index, 0.5);
  };
  int differs[5] = {};
  for (uint32_t i = 0; i < 200; ++i) {
    const bool here = pattern(1, 1, 1, 1, i);
    EXPECT_EQ(here, pattern(1, 1, 1, 1, i));
    differs[0] += here != pattern(2, 1, 1, 1, i);
    differs[1] += here != pattern(1, 2, 1, 1, i);
    differs[2] += here != pattern(1, 1, 2, 1, i);
    differs[3] += here != pattern(1, 1, 1, 2, i);
    differs[4] += here != pattern(1, 1, 1, 1, i + 1);
  }
  for (int count : differs) EXPECT_NEAR(count, 100, 40);
}

TEST(KeyedRandom, FrequenciesFollowTheChances) {
  int accepted = 0, first = 0;
  const std::vector<double> weights = {3.0, 1.0};
  for (uint32_t round = 0; round < 20000; ++round) {
    KeyedRandom random(4, 0, round);
    accepted += random.Bernoulli(2, 1, 0.3);
    first += random.Categorical(2, weights) == 0;
  }
  EXPECT_NEAR(accepted, 6000, 300);
  EXPECT_NEAR(first, 15000, 300);
}

TEST(ExactnessNames, AreThoseOfReports) {
  EXPECT_EQ(Name(Exactness::kExact), "exact");
  EXPECT_EQ(Name(Exactness::kDistribution), "distribution");
  EXPECT_EQ(Name(Exactness::kChangesModel), "changes-model");
}

}  // namespace
}  // namespace longshot
