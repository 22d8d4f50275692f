// labels: unit
#include "retrieval/hybrid.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace longshot {
namespace {

/// Ranks as it was told, whatever the query.
class FixedRanker final : public Ranker {
 public:
  explicit FixedRanker(std::vector<RankedChunk> ranked) : ranked_(std::move(ranked)) {}
  std::string_view name() const override { return "fixed"; }
  std::vector<RankedChunk> Rank(std::string_view, int64_t k) const override {
    std::vector<RankedChunk> best = ranked_;
    KeepBest(best, k);
    return best;
  }

 private:
  std::vector<RankedChunk> ranked_;
};

TEST(Hybrid, SumsReciprocalRanks) {
  const FixedRanker first({{4, 9.0}, {2, 8.0}, {7, 7.0}}), second({{2, 0.9}, {5, 0.8}});
  const auto ranked = Hybrid({&first, &second}).Rank("", 10);
  ASSERT_EQ(ranked.size(), 4u);
  EXPECT_EQ(ranked[0].chunk, 2);
  EXPECT_DOUBLE_EQ(ranked[0].score, 1.0 / 62 + 1.0 / 61);
  EXPECT_EQ(ranked[1].chunk, 4);
  EXPECT_DOUBLE_EQ(ranked[1].score, 1.0 / 61);
  EXPECT_EQ(ranked[2].chunk, 5);
  EXPECT_EQ(ranked[3].chunk, 7);
  EXPECT_DOUBLE_EQ(ranked[3].score, 1.0 / 63);
}

TEST(Hybrid, OneRankerKeepsItsOrderAndTiesGoToTheEarlierChunk) {
  const FixedRanker first({{4, 9.0}, {2, 8.0}}), second({{1, 9.0}, {3, 8.0}});
  const auto order = [](const std::vector<RankedChunk>& ranked) {
    std::vector<int64_t> chunks;
    for (const RankedChunk& chunk : ranked) chunks.push_back(chunk.chunk);
    return chunks;
  };
  EXPECT_EQ(order(Hybrid({&first}).Rank("", 10)), (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(order(Hybrid({&first, &second}).Rank("", 3)), (std::vector<int64_t>{1, 4, 2}));
  EXPECT_TRUE(Hybrid({}).Rank("", 3).empty());
}

/// What lies beyond the asked number still counts in the fusion: the best 1 is the same as the first of the best 10.
TEST(Hybrid, AsksDeeperThanItGives) {
  const FixedRanker first({{0, 3.0}, {1, 2.0}}), second({{2, 3.0}, {1, 2.0}});
  EXPECT_EQ(Hybrid({&first, &second}).Rank("", 1)[0].chunk, 1);
}

/// With the constant of the paper, middling in both rankings beats first in one; without it, it does not.
TEST(Hybrid, ASmallConstantFavoursTheTopOfARanking) {
  const FixedRanker first({{0, 3.0}, {1, 2.0}, {3, 1.0}}), second({{2, 3.0}, {4, 2.0}, {1, 1.0}});
  EXPECT_EQ(Hybrid({&first, &second}).Rank("", 1)[0].chunk, 1);
  EXPECT_EQ(Hybrid({&first, &second}, 0).Rank("", 1)[0].chunk, 0);
}

}  // namespace
}  // namespace longshot
