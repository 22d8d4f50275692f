// labels: unit
// Attention over rows in q8_0: both products are sums of integers, so every kernel of this machine gives the same bits,
// however a step is cut into runs of blocks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/backends.h"
#include "kernels/cpu/kernel_set.h"
#include "tests/draws.h"

namespace longshot {
namespace {

struct Q8Kernel {
  const char* name;
  const RowTypeKernel* kernel;
  void (*enter)() = nullptr;
  void (*leave)() = nullptr;
};

std::vector<Q8Kernel> Kernels() {
  const CpuFeatures features = DetectCpu();
  std::vector<Q8Kernel> kernels = {{"avx2", &Avx2Q8()}};
  if (features.avx512_vnni) kernels.push_back({"avx512 vnni", &Avx512VnniQ8()});
  if (features.amx_int8) kernels.push_back({"amx", &AmxQ8(), AmxKernels().enter, AmxKernels().leave});
  return kernels;
}

/// Blocks of one step, drawn: bytes over their whole range, scales of very different sizes.
struct StepBlocks {
  StepBlocks(Draws& draws, int dim) : dim(dim), bytes(kStepBlocks * static_cast<size_t>(Q8BlockBytes(dim))) {
    for (std::byte& b : bytes) b = static_cast<std::byte>(draws.Between(-127, 127));
    for (int b = 0; b < kStepBlocks; ++b) {
      for (int k = 0; k < kKeyBlock; ++k) {
        const auto scale =
            static_cast<float>(std::ldexp(draws.Between(1, 1000), static_cast<int>(draws.Between(-20, -12))));
        std::memcpy(Block(b) + Q8ScaleOffset(dim) + 4 * k, &scale, 4);
      }
    }
  }
  std::byte* Block(int b) { return bytes.data() + b * Q8BlockBytes(dim); }
  BlockRun Run(int first, int count) { return {Block(first), first, count}; }

  int dim;
  std::vector<std::byte> bytes;
};

/// Query rows and what a kernel makes of them.
struct Rows {
  Rows(const RowTypeKernel& kernel, int count, int dim, const std::vector<float>& queries)
      : count(count),
        dim(dim),
        stride(dim * kernel.query_element_bytes + 64),
        prepared(static_cast<size_t>(count * stride)),
        max(count, -std::numeric_limits<float>::infinity()),
        sum(count, 0.0f),
        acc(count * dim, 0.0f),
        scores(count * kScoreStride, 0.0f),
        value_scales(kKeyStep),
        sums(count * dim) {
    for (int r = 0; r < count; ++r) kernel.prepare(&queries[r * dim], dim, dim, 0.18f, &prepared[r * stride]);
  }
  SoftmaxRows view() {
    return {count,      dim,           prepared.data(),     stride, max.data(), sum.data(),
            acc.data(), scores.data(), value_scales.data(), 0,      sums.data()};
  }
  void TakeScales(StepBlocks& values) {
    for (int b = 0; b < kStepBlocks; ++b)
      std::memcpy(&value_scales[b * kKeyBlock], Q8Scales(values.Block(b), dim), 256);
  }

  int count, dim, stride;
  std::vector<std::byte> prepared;
  std::vector<float> max, sum, acc, scores, value_scales;
  std::vector<int32_t> sums;
};

/// One step over all blocks, in runs of `run_blocks`.
void Attend(const Q8Kernel& q8, StepBlocks& keys, StepBlocks& values, const StepMask* masks, int run_blocks,
            Rows& rows) {
  if (q8.enter) q8.enter();
  rows.TakeScales(values);
  for (int b = 0; b < kStepBlocks; b += run_blocks) q8.kernel->score(rows.view(), keys.Run(b, run_blocks), {});
  q8.kernel->softmax(rows.view(), kStepBlocks, masks, {});
  for (int b = 0; b < kStepBlocks; b += run_blocks) q8.kernel->accumulate(rows.view(), values.Run(b, run_blocks), {});
  q8.kernel->settle(rows.view());
  if (q8.leave) q8.leave();
}

TEST(Q8, EveryKernelGivesTheSameBitsInRunsOfAnyLength) {
  Draws draws(31);
  for (const int dim : {64, 128}) {
    for (const int count : {1, 2, 3, 5, 16, 17, 32, 47}) {
      StepBlocks keys(draws, dim), values(draws, dim), more(draws, dim);
      const std::vector<float> queries = draws.Normals(count * dim);
      std::vector<StepMask> masks(count);
      for (StepMask& mask : masks) {
        for (uint64_t& word : mask)
          word = draws.Chance(0.2) ? 0 : static_cast<uint64_t>(draws.Between(0, 1 << 30)) * 0x9e3779b97f4a7c15;
      }
      masks[0] = {};
      std::vector<Rows> results;
      for (const Q8Kernel& q8 : Kernels()) {
        for (const int run_blocks : {1, 2, 4}) {
          Rows rows(*q8.kernel, count, dim, queries);
          Attend(q8, keys, values, nullptr, run_blocks, rows);
          Attend(q8, keys, more, masks.data(), run_blocks, rows);
          results.push_back(rows);
          const Rows& first = results[0];
          EXPECT_EQ(std::memcmp(rows.acc.data(), first.acc.data(), rows.acc.size() * 4), 0)
              << q8.name << ", runs of " << run_blocks << ", " << count << " rows of " << dim << ", seed 31";
          EXPECT_EQ(rows.sum, first.sum) << q8.name;
          EXPECT_EQ(rows.max, first.max) << q8.name;
        }
      }
      for (const float x : results[0].acc) ASSERT_TRUE(std::isfinite(x));
    }
  }
}

TEST(Q8, ScoresAreTheIntegerProductsTimesBothScales) {
  Draws draws(32);
  constexpr int kDim = 64;
  StepBlocks keys(draws, kDim);
  const std::vector<float> queries = draws.Normals(3 * kDim);
  for (const Q8Kernel& q8 : Kernels()) {
    Rows rows(*q8.kernel, 3, kDim, queries);
    if (q8.enter) q8.enter();
    q8.kernel->score(rows.view(), keys.Run(1, 2), {});
    if (q8.leave) q8.leave();
    for (int r = 0; r < 3; ++r) {
      float largest = 0;
      for (int d = 0; d < kDim; ++d) largest = std::max(largest, std::abs(queries[r * kDim + d]));
      for (int key = kKeyBlock; key < 3 * kKeyBlock; ++key) {
        std::byte* block = keys.Block(key / kKeyBlock);
        int dot = 0;
        for (int d = 0; d < kDim; ++d) {
          const auto quant = static_cast<int>(std::nearbyint(queries[r * kDim + d] * (127.0f / largest)));
          dot += quant * static_cast<int8_t>(block[(d / 4 * kKeyBlock + key % kKeyBlock) * 4 + d % 4]);
        }
        const float scale = Q8Scales(block, kDim)[key % kKeyBlock];
        EXPECT_EQ(rows.scores[r * kScoreStride + key], static_cast<float>(dot) * scale * (largest / 127.0f * 0.18f))
            << q8.name << ", row " << r << " key " << key;
      }
    }
  }
}

TEST(Q8, AValueThatIsNotANumberShows) {
  Draws draws(33);
  constexpr int kDim = 64;
  StepBlocks keys(draws, kDim), values(draws, kDim);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(values.Block(1) + Q8ScaleOffset(kDim) + 4 * 9, &nan, 4);
  StepMask all;
  all.fill(~uint64_t{0});
  for (const Q8Kernel& q8 : Kernels()) {
    for (const StepMask* mask : {static_cast<const StepMask*>(nullptr), static_cast<const StepMask*>(&all)}) {
      Rows rows(*q8.kernel, 1, kDim, draws.Normals(kDim));
      Attend(q8, keys, values, mask, 4, rows);
      for (const float x : rows.acc) ASSERT_TRUE(std::isnan(x)) << q8.name;
    }
  }
}

}  // namespace
}  // namespace longshot
