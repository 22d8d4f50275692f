// labels: unit
// Layer norm, GELU and attention of the encoder against their definitions in double precision, for awkward lengths.
#include "retrieval/bert_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/backends.h"
#include "tests/draws.h"

namespace longshot {
namespace {

class BertRows : public testing::Test {
 protected:
  void SetUp() override {
    const CpuFeatures features = DetectCpu();
    if (!features.avx2 || !features.fma) GTEST_SKIP() << "this processor has no AVX2";
  }
};

TEST_F(BertRows, LayerNormIsItsDefinition) {
  Draws draws(11);
  for (const int64_t n : {1, 3, 16, 24, 31, 384, 1000}) {
    const std::vector<float> x = draws.Normals(n), weight = draws.Normals(n), bias = draws.Normals(n);
    std::vector<float> y(static_cast<size_t>(n));
    LayerNorm(x.data(), weight.data(), bias.data(), n, 1e-5f, y.data());
    double mean = 0, variance = 0;
    for (const float value : x) mean += value / static_cast<double>(n);
    for (const float value : x) variance += (value - mean) * (value - mean) / static_cast<double>(n);
    for (size_t i = 0; i < y.size(); ++i) {
      EXPECT_NEAR(y[i], (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i], 2e-5) << n << " " << i;
    }
  }
}

TEST_F(BertRows, GeluIsThatOfTheErrorFunction) {
  std::vector<float> x;
  for (float value = -40.0f; value <= 40.0f; value += 0.00371f) x.push_back(value);
  for (const float value : {0.0f, -0.0f, 1e-30f, -1e-30f, 1e4f, -1e4f, 1e30f, -1e10f}) x.push_back(value);
  std::vector<float> y = x;
  Gelu(y.data(), static_cast<int64_t>(y.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = 0.5 * x[i] * std::erfc(-double{x[i]} / std::sqrt(2.0));
    EXPECT_NEAR(y[i], expected, 2e-7 * std::max(1.0, std::abs(double{x[i]}))) << x[i];
  }
}

/// q, k, v and out of a head as columns of wider rows.
struct Head {
  Head(int64_t rows, int64_t dim, Draws& draws) : qkv(draws.Normals(rows * Stride(dim))), out(rows * (dim + 3), -7.0f) {
    args = {.q = qkv.data() + 1,
            .k = qkv.data() + 1 + dim,
            .v = qkv.data() + 1 + 2 * dim,
            .stride = Stride(dim),
            .rows = rows,
            .head_dim = dim,
            .out = out.data(),
            .out_stride = dim + 3};
  }
  static int64_t Stride(int64_t dim) { return 3 * dim + 5; }

  std::vector<float> qkv, out;
  HeadAttention args;
};

double Expected(const HeadAttention& head, int64_t row, int64_t column) {
  double sum = 0, mixed = 0;
  for (int64_t j = 0; j < head.rows; ++j) {
    double score = 0;
    for (int64_t d = 0; d < head.head_dim; ++d) {
      score += double{head.q[row * head.stride + d]} * head.k[j * head.stride + d];
    }
    const double weight = std::exp(score / std::sqrt(static_cast<double>(head.head_dim)));
    sum += weight;
    mixed += weight * head.v[j * head.stride + column];
  }
  return mixed / sum;
}

TEST_F(BertRows, AttentionIsItsDefinitionAndStaysInItsColumns) {
  Draws draws(12);
  for (const int64_t rows : {1, 2, 3, 5, 15, 16, 17, 33, 130}) {
    for (const int64_t dim : {1, 8, 16, 20, 32, 64}) {
      Head head(rows, dim, draws);
      std::vector<float> scratch(static_cast<size_t>(AttentionScratch(rows, dim)));
      Attend(head.args, scratch.data());
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t d = 0; d < dim; ++d) {
          ASSERT_NEAR(head.out[r * (dim + 3) + d], Expected(head.args, r, d), 5e-6) << rows << " x " << dim;
        }
        for (int64_t d = dim; d < dim + 3; ++d) ASSERT_EQ(head.out[r * (dim + 3) + d], -7.0f);
      }
    }
  }
}

TEST_F(BertRows, LargeScoresDoNotOverflow) {
  Draws draws(13);
  Head head(21, 32, draws);
  for (float& value : head.qkv) value *= 300.0f;
  std::vector<float> scratch(static_cast<size_t>(AttentionScratch(21, 32)));
  Attend(head.args, scratch.data());
  for (int64_t r = 0; r < 21; ++r) {
    for (int64_t d = 0; d < 32; ++d) EXPECT_TRUE(std::isfinite(head.out[r * 35 + d]));
  }
}

}  // namespace
}  // namespace longshot
