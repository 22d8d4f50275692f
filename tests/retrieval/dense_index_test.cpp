// labels: unit
#include "retrieval/dense_index.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "tests/retrieval/fake_embedder.h"

namespace longshot {
namespace {

using Order = std::vector<int64_t>;

Order Chunks(const std::vector<RankedChunk>& ranked) {
  Order chunks;
  for (const RankedChunk& chunk : ranked) chunks.push_back(chunk.chunk);
  return chunks;
}

/// The first axis turned by `angle` towards the second.
std::vector<float> Turned(double angle) {
  std::vector<float> vector(FakeEmbedder::kDims, 0);
  vector[0] = static_cast<float>(std::cos(angle));
  vector[1] = static_cast<float>(std::sin(angle));
  return vector;
}

void Add(Embeddings& embeddings, int32_t chunk, const std::vector<float>& vector) {
  embeddings.dims = FakeEmbedder::kDims;
  embeddings.text.push_back(chunk);
  embeddings.vectors.insert(embeddings.vectors.end(), vector.begin(), vector.end());
}

/// Sentences about a few dozen subjects.
std::vector<std::string> Sentences(int count) {
  std::vector<std::string> sentences;
  for (int i = 0; i < count; ++i) {
    const auto draw = [&](uint32_t index) {
      return static_cast<int>(
          40 * Uniform({.round = static_cast<uint32_t>(i), .index = index, .purpose = DrawPurpose::kTest}));
    };
    sentences.push_back("subject" + std::to_string(draw(0)) + " verb" + std::to_string(draw(1)) + " object" +
                        std::to_string(draw(2)) + " place" + std::to_string(draw(3)));
  }
  return sentences;
}

std::vector<std::string_view> Views(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

const FakeEmbedder kEmbedder;

TEST(DenseIndex, AChunkScoresAsItsBestWindow) {
  Embeddings chunks;
  Add(chunks, 0, Turned(0.5));
  Add(chunks, 1, Turned(1.5));
  Add(chunks, 1, Turned(0.1));
  Add(chunks, 1, Turned(1.4));
  Add(chunks, 3, Turned(0.3));  // chunk 2 has none
  const DenseIndex index(kEmbedder, chunks, 4, VectorSearch::kFlat);
  const auto ranked = index.RankVectors(Turned(0), 10);
  EXPECT_EQ(Chunks(ranked), (Order{1, 3, 0}));
  EXPECT_NEAR(ranked[0].score, std::cos(0.1), 1e-6);
  EXPECT_NEAR(ranked[2].score, std::cos(0.5), 1e-6);
  EXPECT_EQ(Chunks(index.RankVectors(Turned(0), 1)), Order{1});
}

TEST(DenseIndex, OfSeveralQueryWindowsTheBestCounts) {
  Embeddings chunks;
  for (int i = 0; i < 4; ++i) Add(chunks, i, Turned(0.4 * i));
  const DenseIndex index(kEmbedder, chunks, 4, VectorSearch::kFlat);
  std::vector<float> queries = Turned(0.05);
  const std::vector<float> second = Turned(1.2);
  queries.insert(queries.end(), second.begin(), second.end());
  EXPECT_EQ(Chunks(index.RankVectors(queries, 2)), (Order{3, 0}));
}

/// More equal windows than are asked for: which of them are found is not left to the search.
TEST(DenseIndex, TiesGoToTheEarlierChunk) {
  Embeddings chunks;
  for (int i = 0; i < 200; ++i) Add(chunks, i, Turned(i == 150 ? 0.0 : 0.2));
  const DenseIndex index(kEmbedder, chunks, 200, VectorSearch::kFlat);
  EXPECT_EQ(Chunks(index.RankVectors(Turned(0), 4)), (Order{150, 0, 1, 2}));
}

TEST(DenseIndex, TakesManyWindowsOfOneChunk) {
  Embeddings chunks;
  for (int i = 0; i < 300; ++i) Add(chunks, 0, Turned(0.001 * i));
  Add(chunks, 1, Turned(1.0));
  const DenseIndex index(kEmbedder, chunks, 2, VectorSearch::kFlat);
  EXPECT_EQ(Chunks(index.RankVectors(Turned(0), 2)), (Order{0, 1}));
}

TEST(DenseIndex, WithoutVectorsNothingIsFound) {
  for (const VectorSearch search : {VectorSearch::kFlat, VectorSearch::kHnsw, VectorSearch::kIvf}) {
    const DenseIndex index(kEmbedder, {}, 3, search);
    EXPECT_TRUE(index.Rank("anything", 5).empty());
  }
}

TEST(DenseIndex, FlatIsTheBruteForceOrder) {
  const std::vector<std::string> texts = Sentences(300);
  const Embeddings chunks = kEmbedder.Embed(Views(texts));
  const DenseIndex index(kEmbedder, chunks, 300, VectorSearch::kFlat);
  const std::string_view query = "subject3 place7";
  const auto ranked = index.Rank(query, 300), exact = index.RankExactly(query, 300);
  ASSERT_EQ(ranked.size(), 300u);
  ASSERT_EQ(exact.size(), 300u);
  for (size_t i = 0; i < ranked.size(); ++i) EXPECT_NEAR(ranked[i].score, exact[i].score, 1e-5);
  EXPECT_EQ(ranked[0].chunk, exact[0].chunk);
}

TEST(DenseIndex, ApproximateSearchesFindNearlyAll) {
  const std::vector<std::string> texts = Sentences(3000), questions = Sentences(50);
  const Embeddings chunks = kEmbedder.Embed(Views(texts));
  const DenseIndex exact(kEmbedder, chunks, 3000, VectorSearch::kFlat);
  EXPECT_EQ(RecallAt(10, exact, Views(questions)), 1.0);
  for (const VectorSearch search : {VectorSearch::kHnsw, VectorSearch::kIvf}) {
    const DenseIndex approximate(kEmbedder, chunks, 3000, search), again(kEmbedder, chunks, 3000, search);
    const double recall = RecallAt(10, approximate, Views(questions));
    fmt::print("recall@10 of {}: {:.3f}\n", search == VectorSearch::kHnsw ? "hnsw" : "ivf", recall);
    EXPECT_GE(recall, 0.8);
    EXPECT_EQ(Chunks(again.Rank(questions[0], 20)), Chunks(approximate.Rank(questions[0], 20)));
    std::vector<RankedChunk> some = {{5, 0}, {2999, 0}};
    EXPECT_EQ(approximate.Similarities(questions[0], some), exact.Similarities(questions[0], some));
  }
}

TEST(DenseIndex, LeavesTheThreadsOfOpenMpAsTheyWere) {
  const std::vector<std::string> texts = Sentences(100);
  omp_set_num_threads(3);
  const DenseIndex index(kEmbedder, kEmbedder.Embed(Views(texts)), 100, VectorSearch::kIvf);
  EXPECT_FALSE(index.Rank(texts[0], 5).empty());
  EXPECT_EQ(omp_get_max_threads(), 3);
}

TEST(VectorSearchOf, KnowsTheNames) {
  EXPECT_EQ(VectorSearchOf("flat"), VectorSearch::kFlat);
  EXPECT_EQ(VectorSearchOf("hnsw"), VectorSearch::kHnsw);
  EXPECT_EQ(VectorSearchOf("ivf"), VectorSearch::kIvf);
}

}  // namespace
}  // namespace longshot
