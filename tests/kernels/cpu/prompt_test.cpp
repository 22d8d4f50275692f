// labels: unit
// Attention of prompt rows in 16-bit integers: unpacked rows, scores and sums against their definition, at the largest
// magnitudes too; what is no number shows; and prompt rows of the default path do go this way.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cpu/half.h"
#include "kernels/cpu/kernel_set.h"
#include "tests/draws.h"
#include "tests/kernels/attention_case.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr int kDims[] = {32, 64, 96, 128, 192, 512};
constexpr int kQueryLimit = 4095, kValueLimit = 1023;
int KeyLimit(int dim) { return dim <= 128 ? 4095 : 1023; }

/// A row rounded with one scale, as the kernel's header tells it.
struct RoundedRow {
  RoundedRow(const std::vector<float>& row, int limit) {
    float largest = 0;
    for (const float x : row) largest = std::max(largest, std::abs(x));
    scale = largest * (1.0f / static_cast<float>(limit));
    const float inverse = static_cast<float>(limit) / largest;
    for (const float x : row) words.push_back(static_cast<int>(std::nearbyint(x * inverse)));
  }
  float scale;
  std::vector<int> words;
};

using Matrix = std::vector<std::vector<float>>;  ///< [rows][dim]

/// Rows of numbers that bf16 holds.
Matrix DrawRows(Draws& draws, int rows, int dim) {
  Matrix matrix;
  for (int r = 0; r < rows; ++r) {
    matrix.push_back(draws.Normals(dim));
    for (float& x : matrix.back()) x = FromBf16(ToBf16(x * static_cast<float>(1 + r % 7)));
  }
  return matrix;
}

/// A block of 64 rows in bf16: keys by pairs of elements, values by pairs of rows.
std::vector<std::byte> Block(const Matrix& rows, bool keys) {
  const int dim = static_cast<int>(rows[0].size());
  std::vector<std::byte> block(static_cast<size_t>(kKeyBlock) * dim * 2);
  for (int r = 0; r < kKeyBlock; ++r) {
    for (int d = 0; d < dim; ++d) {
      const uint16_t half = ToBf16(rows[r][d]);
      const int at = keys ? (d / 2 * kKeyBlock + r) * 2 + d % 2 : (r / 2 * dim + d) * 2 + r % 2;
      std::memcpy(&block[2 * at], &half, 2);
    }
  }
  return block;
}

/// Query rows over one block of keys and values.
class OneBlock {
 public:
  OneBlock(const Matrix& queries, const Matrix& keys, const Matrix& values)
      : kernel_(Avx2Prompt().bf16),
        count_(static_cast<int>(queries.size())),
        dim_(static_cast<int>(queries[0].size())),
        stride_(dim_ * 2 + 64),
        prepared_(static_cast<size_t>(count_ * stride_)),
        max_(count_, -std::numeric_limits<float>::infinity()),
        sum_(count_),
        acc_(count_ * dim_),
        scores_(count_ * kScoreStride),
        scales_(kKeyStep),
        keys_(kernel_.unpacked_bytes(dim_)),
        values_(kernel_.unpacked_bytes(dim_)) {
    for (int r = 0; r < count_; ++r) kernel_.prepare(queries[r].data(), dim_, dim_, 1.0f, &prepared_[r * stride_]);
    kernel_.unpack_keys(Block(keys, true).data(), dim_, keys_.data());
    kernel_.unpack_values(Block(values, false).data(), dim_, values_.data());
    std::memcpy(scales_.data(), &values_[kernel_.scale_offset(dim_)], kKeyBlock * sizeof(float));
  }

  void Score() { kernel_.score(Rows(), {keys_.data(), 0, 1}, {}); }
  void Finish() {
    kernel_.softmax(Rows(), 1, nullptr, {});
    kernel_.accumulate(Rows(), {values_.data(), 0, 1}, {});
  }
  float score(int row, int key) const { return scores_[row * kScoreStride + key]; }
  float out(int row, int d) const { return acc_[row * dim_ + d] / sum_[row]; }

 private:
  SoftmaxRows Rows() {
    return {count_,      dim_,           prepared_.data(), stride_, max_.data(), sum_.data(),
            acc_.data(), scores_.data(), scales_.data(),   0,       nullptr};
  }

  const RowTypeKernel& kernel_;
  int count_, dim_, stride_;
  std::vector<std::byte> prepared_;
  std::vector<float> max_, sum_, acc_, scores_, scales_;
  std::vector<std::byte> keys_, values_;
};

TEST(PromptRows, ScoresAreThoseOfRoundedRows) {
  Draws draws(1);
  for (const int dim : kDims) {
    for (const int count : {1, 3, 4, 7, 32}) {
      const Matrix queries = DrawRows(draws, count, dim), keys = DrawRows(draws, kKeyBlock, dim);
      OneBlock block(queries, keys, keys);
      block.Score();
      for (int r = 0; r < count; ++r) {
        const RoundedRow q(queries[r], kQueryLimit);
        for (int key = 0; key < kKeyBlock; ++key) {
          const RoundedRow k(keys[key], KeyLimit(dim));
          const int dot = std::inner_product(q.words.begin(), q.words.end(), k.words.begin(), 0);
          ASSERT_EQ(static_cast<float>(dot) * k.scale * q.scale, block.score(r, key))
              << "dim " << dim << ", row " << r << " of " << count << ", key " << key;
        }
      }
    }
  }
}

TEST(PromptRows, SumsOfTheLargestMagnitudesFit) {
  for (const int dim : kDims) {
    for (const float sign : {1.0f, -1.0f}) {
      const Matrix queries(5, std::vector<float>(dim, 1.0f)), rows(kKeyBlock, std::vector<float>(dim, sign));
      OneBlock block(queries, rows, rows);
      block.Score();
      EXPECT_NEAR(sign * static_cast<float>(dim), block.score(4, 63), 1e-4f * static_cast<float>(dim)) << dim;
      block.Finish();
      for (int d = 0; d < dim; ++d) ASSERT_NEAR(sign, block.out(4, d), 1e-3f) << "dim " << dim << ", element " << d;
    }
  }
}

TEST(PromptRows, OutputsAreTheMeansOfValuesUnderTheScores) {
  Draws draws(2);
  for (const int dim : kDims) {
    Matrix queries = DrawRows(draws, 6, dim);
    const Matrix keys = DrawRows(draws, kKeyBlock, dim), values = DrawRows(draws, kKeyBlock, dim);
    for (auto& row : queries) {
      for (float& x : row) x /= 4 * std::sqrt(static_cast<float>(dim));  // scores of a few units
    }
    OneBlock block(queries, keys, values);
    block.Score();
    Matrix scores(6);  // probabilities take their place
    for (int r = 0; r < 6; ++r) {
      for (int key = 0; key < kKeyBlock; ++key) scores[r].push_back(block.score(r, key));
    }
    block.Finish();
    for (int r = 0; r < 6; ++r) {
      std::vector<double> out(dim);
      double sum = 0;
      for (int key = 0; key < kKeyBlock; ++key) {
        const double p = std::exp2(scores[r][key]);
        sum += p;
        for (int d = 0; d < dim; ++d) out[d] += p * values[key][d];
      }
      // Values reach 28: half a unit of theirs is 0.014.
      for (int d = 0; d < dim; ++d) ASSERT_NEAR(out[d] / sum, block.out(r, d), 0.015) << "dim " << dim << " row " << r;
    }
  }
}

TEST(PromptRows, WhatIsNoNumberShows) {
  Draws draws(3);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Matrix queries = DrawRows(draws, 4, 64), keys = DrawRows(draws, kKeyBlock, 64);
    Matrix values = keys, broken = keys;
    values[17][5] = broken[17][5] = bad;
    OneBlock value(queries, keys, values), key(queries, broken, keys);
    value.Score(), value.Finish(), key.Score();
    EXPECT_FALSE(std::isfinite(value.out(0, 5)));
    EXPECT_FALSE(std::isfinite(key.score(0, 17)));
    EXPECT_TRUE(std::isfinite(key.score(0, 16)));
  }
}

TEST(PromptRows, OfTheDefaultPathOnAvx2GoThisWay) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    AttentionCase c;
    c.base = 100;
    c.geometry = {.layers = 2, .kv_heads = 1, .head_dim = 64, .capacity = 120};
    Draws draws(4);
    SetTopology(c, draws, Shape::kChain, 9);
    SetRows(c, draws);
    const std::vector<float> generated = Attend(*backend, c);
    c.prompt = true;
    const bool own_path = backend->Describe().numeric_path == "avx2 int8/int16/f32";
    EXPECT_EQ(own_path, generated != Attend(*backend, c));
  });
}

}  // namespace
}  // namespace longshot
