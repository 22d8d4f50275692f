#include "kernels/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/rng.h"

namespace longshot {
namespace {

void ExpectDamaged(auto&& action) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFormat);
    EXPECT_NE(std::string(error.what()).find("logit of token 431"), std::string::npos) << error.what();
  }
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Few distinct values, so that ties abound; some -inf.
std::vector<float> TiedRow(int64_t vocab, uint64_t seed) {
  std::vector<float> row(vocab);
  for (int64_t i = 0; i < vocab; ++i) {
    const double u = Uniform({.seed = seed, .node = static_cast<NodeId>(i), .purpose = DrawPurpose::kTest});
    row[i] = u < 0.05 ? -kInfinity : std::floor(static_cast<float>(u) * 50) - 25;
  }
  return row;
}

std::vector<Candidate> Naive(std::span<const float> row, int64_t k) {
  std::vector<Candidate> all;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] > -kInfinity) all.push_back({row[i], static_cast<Token>(i)});
  }
  std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.logit > b.logit; });
  if (k > 0 && k < std::ssize(all)) all.resize(k);
  return all;
}

TEST(SelectTop, AgreesWithASortAndGivesTiesToTheLowestId) {
  std::vector<Candidate> best;
  for (const int64_t vocab : {1, 5, 63, 64, 65, 1000, 5003}) {
    for (const int64_t k : {0, 1, 2, 40, 255, 256, 257, 700, 100000}) {
      for (uint64_t seed = 0; seed < 3; ++seed) {
        const std::vector<float> row = TiedRow(vocab, seed);
        SelectTop(row, k, best);
        const std::vector<Candidate> expected = Naive(row, k);
        ASSERT_EQ(best.size(), expected.size()) << vocab << " " << k << " seed " << seed;
        for (size_t i = 0; i < best.size(); ++i) {
          ASSERT_EQ(best[i].id, expected[i].id) << vocab << " " << k << " seed " << seed << " at " << i;
          ASSERT_EQ(best[i].logit, expected[i].logit);
        }
      }
    }
  }
}

TEST(TopKIds, MarksWhatIsMissing) {
  const std::vector<float> row = {-kInfinity, 1, -kInfinity, 3};
  std::vector<Token> ids(3);
  TopKIds(row, ids);
  EXPECT_EQ(ids, (std::vector<Token>{3, 1, kNoToken}));
}

TEST(TopKIds, AgreesWithSelectTop) {
  std::vector<Candidate> best;
  std::vector<Token> ids(8);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> row = TiedRow(777, seed);
    SelectTop(row, 8, best);
    TopKIds(row, ids);
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], best[i].id);
    EXPECT_EQ(ArgmaxId(row), best[0].id);
  }
}

TEST(TopK, NanAndInfinityAreNoticedWhereverTheyStand) {
  std::vector<Candidate> best;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity}) {
    std::vector<float> row(500, -3.0f);
    for (int i = 0; i < 60; ++i) row[i] = 5.0f;
    row[431] = bad;
    ExpectDamaged([&] { SelectTop(row, 40, best); });
    ExpectDamaged([&] { SelectTop(row, 0, best); });
    ExpectDamaged([&] { ArgmaxId(row); });
  }
  EXPECT_DEATH(ArgmaxId(std::vector<float>(70, -kInfinity)), "every logit is -inf");
}

}  // namespace
}  // namespace longshot
