// labels: unit
#include "retrieval/bm25.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {
namespace {

std::vector<int64_t> Chunks(const std::vector<RankedChunk>& ranked) {
  std::vector<int64_t> chunks;
  for (const RankedChunk& chunk : ranked) chunks.push_back(chunk.chunk);
  return chunks;
}

using Order = std::vector<int64_t>;

const std::vector<std::string_view> kTexts = {"red ship red", "blue ship", "green harbour wall tower", "red wall"};

TEST(Bm25, ScoresAreTheFormulas) {
  const Bm25 ranker(kTexts);
  const auto ranked = ranker.Rank("red", 10);
  ASSERT_EQ(Chunks(ranked), (Order{0, 3}));
  const double mean = 11 / 4.0, idf = std::log(1 + (4 - 2 + 0.5) / (2 + 0.5));
  EXPECT_NEAR(ranked[0].score, idf * 2 / (2 + 1.2 * (0.25 + 0.75 * 3 / mean)), 1e-6);
  EXPECT_NEAR(ranked[1].score, idf * 1 / (1 + 1.2 * (0.25 + 0.75 * 2 / mean)), 1e-6);
}

TEST(Bm25, WordsOfTheQueryAddUp) {
  const Bm25 ranker(kTexts);
  EXPECT_EQ(Chunks(ranker.Rank("a red ship", 10)), (Order{0, 1, 3}));
  EXPECT_EQ(Chunks(ranker.Rank("walls, walls and towers", 1)), Order{2});  // stems
  const double once = ranker.Rank("tower", 1)[0].score;
  EXPECT_NEAR(ranker.Rank("tower tower", 1)[0].score, 2 * once, 1e-6);
}

TEST(Bm25, LeavesOutChunksWithoutAWordOfTheQuery) {
  const Bm25 ranker(kTexts);
  EXPECT_TRUE(ranker.Rank("yellow", 10).empty());
  EXPECT_TRUE(ranker.Rank("", 10).empty());
  EXPECT_TRUE(ranker.Rank("red", 0).empty());
  EXPECT_TRUE(Bm25({}).Rank("red", 10).empty());
}

TEST(Bm25, TiesGoToTheEarlierChunk) {
  const std::vector<std::string_view> texts = {"x", "same words", "same words", "same words"};
  EXPECT_EQ(Chunks(Bm25(texts).Rank("words", 2)), (Order{1, 2}));
}

TEST(Bm25, StopWordsCountOnlyAlone) {
  const std::vector<std::string_view> texts = {"to be or not to be", "the the the the boat", "which which which which"};
  const Bm25 ranker(texts);
  EXPECT_EQ(Chunks(ranker.Rank("Which is the boat?", 10)), Order{1});
  EXPECT_EQ(Chunks(ranker.Rank("To be or not to be?", 10)), Order{0});
}

TEST(Bm25, ParametersAreUsed) {
  const std::vector<std::string_view> texts = {"word one two three four five six", "word word"};
  const double flat = Bm25(texts, {.k1 = 1.2, .b = 0}).Rank("six one", 1)[0].score;
  const double normed = Bm25(texts, {.k1 = 1.2, .b = 1}).Rank("six one", 1)[0].score;
  EXPECT_GT(flat, normed);
  const auto binary = Bm25(texts, {.k1 = 0, .b = 0}).Rank("word", 2);
  EXPECT_EQ(binary[0].score, binary[1].score);
}

/// A long query costs what the index has, not the product of both.
TEST(Bm25, TakesAHugeQuery) {
  std::vector<std::string_view> texts(2000, "shared words everywhere");
  std::string query;
  for (int i = 0; i < 200'000; ++i) query += "shared ";
  EXPECT_EQ(Bm25(texts).Rank(query, 3).size(), 3u);
}

}  // namespace
}  // namespace longshot
