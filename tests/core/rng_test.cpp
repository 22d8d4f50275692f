// Counter-based random numbers: the generator's published answers, and the laws of what is made of them.
#include "core/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace longshot {
namespace {

// Source: the known-answer tests published with Salmon et al. 2011 (Random123, philox4x32-10).
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox({0, 0}, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Uniform, EveryPartOfTheKeyMatters) {
  const DrawKey key{.seed = 5, .sequence = 1, .round = 2, .node = 3, .index = 4, .purpose = DrawPurpose::kDraft};
  std::vector<DrawKey> keys(8, key);
  keys[1].seed = 6;
  keys[2].seed = 5 | uint64_t{1} << 32;
  keys[3].sequence = 2;
  keys[4].round = 3;
  keys[5].node = 4;
  keys[6].index = 5;
  keys[7].purpose = DrawPurpose::kAccept;
  std::set<double> values;
  for (const DrawKey& k : keys) values.insert(Uniform(k));
  EXPECT_EQ(values.size(), keys.size());
  EXPECT_EQ(Uniform(key), Uniform(key));
}

/// Chi-square of counts that should be equal, as a z value.
double ChiSquareZ(const std::vector<int>& counts, double expected) {
  double chi = 0;
  for (const int n : counts) chi += (n - expected) * (n - expected) / expected;
  const auto freedom = static_cast<double>(counts.size() - 1);
  return (chi - freedom) / std::sqrt(2 * freedom);
}

TEST(Uniform, IsFlatInEveryDimensionOfTheKey) {
  constexpr int kDraws = 40'000, kCells = 64;
  for (int dimension = 0; dimension < 4; ++dimension) {
    std::vector<int> counts(kCells, 0);
    double sum = 0, lag = 0, previous = 0.5;
    for (uint32_t i = 0; i < kDraws; ++i) {
      DrawKey key{.seed = 11, .purpose = DrawPurpose::kTest};
      if (dimension == 0) key.seed = i;
      if (dimension == 1) key.round = i;
      if (dimension == 2) key.node = static_cast<NodeId>(i);
      if (dimension == 3) key.index = i;
      const double u = Uniform(key);
      ASSERT_GE(u, 0.0);
      ASSERT_LT(u, 1.0);
      ++counts[static_cast<size_t>(u * kCells)];
      sum += u;
      lag += (u - 0.5) * (previous - 0.5);
      previous = u;
    }
    EXPECT_LT(std::abs(ChiSquareZ(counts, double{kDraws} / kCells)), 4.5) << "dimension " << dimension;
    EXPECT_NEAR(sum / kDraws, 0.5, 4.5 / std::sqrt(12.0 * kDraws));
    EXPECT_NEAR(lag / kDraws, 0.0, 4.5 / 12 / std::sqrt(double{kDraws})) << "neighbours are correlated";
  }
}

TEST(CoupledNoise, IsStandardGumbel) {
  constexpr int kDraws = 40'000, kCells = 64;
  const CoupledNoise noise{.seed = 3, .sequence = 2};
  for (const bool along_tokens : {false, true}) {
    std::vector<int> counts(kCells, 0);
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double g = along_tokens ? noise.At(17, i) : noise.At(i, 17);
      ASSERT_TRUE(std::isfinite(g));
      ++counts[static_cast<size_t>(std::exp(-std::exp(-g)) * kCells)];  // its distribution function: uniform
      sum += g;
    }
    EXPECT_LT(std::abs(ChiSquareZ(counts, double{kDraws} / kCells)), 4.5);
    EXPECT_NEAR(sum / kDraws, 0.5772156649, 4.5 * 1.2825 / std::sqrt(double{kDraws})) << "Euler's constant";
  }
}

TEST(CoupledNoise, ArgmaxFollowsTheLaw) {
  // The Gumbel-max theorem: argmax of log p + noise has law p.
  const std::vector<double> law = {0.5, 0.3, 0.15, 0.05};
  constexpr int kDraws = 40'000;
  std::vector<int> counts(law.size(), 0);
  const CoupledNoise noise{.seed = 8, .sequence = 0};
  for (int position = 0; position < kDraws; ++position) {
    size_t best = 0;
    double best_value = -1e300;
    for (size_t x = 0; x < law.size(); ++x) {
      const double value = std::log(law[x]) + noise.At(position, static_cast<Token>(x));
      if (value > best_value) best = x, best_value = value;
    }
    ++counts[best];
  }
  for (size_t x = 0; x < law.size(); ++x) {
    EXPECT_NEAR(double{1} * counts[x] / kDraws, law[x], 4.5 * std::sqrt(law[x] * (1 - law[x]) / kDraws));
  }
}

TEST(CoupledNoise, DependsOnTheKeyAlone) {
  const CoupledNoise noise{.seed = 1, .sequence = 0};
  std::vector<double> forward, backward;
  for (int i = 0; i < 100; ++i) forward.push_back(noise.At(i % 10, i / 10));
  const CoupledNoise copy = noise;
  for (int i = 99; i >= 0; --i) backward.insert(backward.begin(), copy.At(i % 10, i / 10));
  EXPECT_EQ(forward, backward) << "the order of questions shows";
  EXPECT_EQ(std::set<double>(forward.begin(), forward.end()).size(), 100u);
  EXPECT_NE(noise.At(3, 4), (CoupledNoise{.seed = 2, .sequence = 0}.At(3, 4)));
  EXPECT_NE(noise.At(3, 4), (CoupledNoise{.seed = 1, .sequence = 1}.At(3, 4)));
  EXPECT_NE(noise.At(3, 4), noise.At(3 + (int64_t{1} << 32), 4)) << "positions are 64 bits";
}

}  // namespace
}  // namespace longshot
