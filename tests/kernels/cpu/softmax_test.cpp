// labels: unit
// The softmax step of every kernel set of this machine: our own exponential, masks, rescaling by powers of two.
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

constexpr int kDim = 32;
constexpr float kNothing = -std::numeric_limits<float>::infinity();

/// Kernel sets that this processor runs.
std::vector<const KernelSet*> Sets() {
  const CpuFeatures features = DetectCpu();
  std::vector<const KernelSet*> sets = {&Avx2Kernels()};
  if (features.avx512) sets.push_back(&Avx512Kernels());
  if (features.avx512_bf16) sets.push_back(&Avx512Bf16Kernels());
  if (features.amx_bf16) sets.push_back(&AmxKernels());
  return sets;
}

/// Rows with all that a softmax step touches.
struct Rows {
  explicit Rows(int count)
      : max(count, kNothing), sum(count, 0.0f), acc(count * kDim, 0.0f), scores(count * kScoreStride, 0.0f) {}
  SoftmaxRows view() {
    return {static_cast<int>(max.size()), kDim, nullptr, 0, max.data(), sum.data(), acc.data(), scores.data()};
  }
  std::vector<float> max, sum, acc, scores;
};

/// Scores of `blocks` blocks, spread over [-120, 0].
void Draw(Draws& draws, int blocks, Rows& rows) {
  for (size_t row = 0; row < rows.max.size(); ++row) {
    for (int k = 0; k < blocks * kKeyBlock; ++k) {
      rows.scores[row * kScoreStride + k] = -static_cast<float>(draws.Between(0, 120000000)) * 1e-6f;
    }
  }
}

TEST(Softmax, TheExponentialIsExactEnoughAndTheSameOnEverySet) {
  Draws draws(11);
  Rows drawn(3);
  Draw(draws, kStepBlocks, drawn);
  std::vector<Rows> results;
  for (const KernelSet* set : Sets()) {
    Rows rows = drawn;
    set->f32.softmax(rows.view(), kStepBlocks, nullptr, {});
    for (int row = 0; row < 3; ++row) {
      for (int k = 0; k < kKeyStep; ++k) {
        const size_t at = row * kScoreStride + k;
        const double want = std::exp2(double{drawn.scores[at]} - rows.max[row]);
        // The subtraction rounds an argument of up to 120 to 2^-18: at most 2^-18 ln 2 of the result.
        ASSERT_NEAR(rows.scores[at] / want, 1.0, 2e-7 + 0x1p-18 * 0.7) << "seed 11, row " << row << " key " << k;
      }
    }
    results.push_back(rows);
  }
  for (const Rows& rows : results) {
    EXPECT_EQ(std::memcmp(rows.scores.data(), results[0].scores.data(), rows.scores.size() * sizeof(float)), 0);
  }
}

TEST(Softmax, TheMaximumIsAnIntegerAndRescalingExact) {
  for (const KernelSet* set : Sets()) {
    Rows rows(1);
    rows.max[0] = -3.0f, rows.sum[0] = 1.7f;
    for (int d = 0; d < kDim; ++d) rows.acc[d] = 0.3f * static_cast<float>(d);
    std::fill(rows.scores.begin(), rows.scores.end(), -90.0f);
    rows.scores[5] = 1.25f;
    set->f32.softmax(rows.view(), 1, nullptr, {});
    EXPECT_EQ(rows.max[0], 2.0f);
    EXPECT_EQ(rows.acc[7], 0.3f * 7 * 0x1p-5f);
    EXPECT_NEAR(rows.sum[0], 1.7 * 0x1p-5 + std::exp2(-0.75), 1e-6);
  }
}

TEST(Softmax, AMaskedKeyIsExactlyZeroWhateverItsScore) {
  for (const KernelSet* set : Sets()) {
    Rows rows(2);
    Draws draws(12);
    Draw(draws, 2, rows);
    rows.scores[3] = std::numeric_limits<float>::quiet_NaN();
    rows.scores[70] = std::numeric_limits<float>::infinity();
    StepMask all_but{};
    all_but[0] = ~(uint64_t{1} << 3), all_but[1] = ~(uint64_t{1} << 6);
    const StepMask masks[2] = {all_but, StepMask{}};
    set->f32.softmax(rows.view(), 2, masks, {});
    EXPECT_EQ(rows.scores[3], 0.0f);
    EXPECT_EQ(rows.scores[70], 0.0f);
    EXPECT_TRUE(std::isfinite(rows.sum[0]) && rows.sum[0] > 0);
    // The second row sees nothing and stays as it is.
    EXPECT_EQ(rows.max[1], kNothing);
    EXPECT_EQ(rows.sum[1], 0.0f);
    for (int k = 0; k < 2 * kKeyBlock; ++k) ASSERT_EQ(rows.scores[kScoreStride + k], 0.0f);
  }
}

TEST(Softmax, AnEmptyPartialIsTheIdentityOfTheMerge) {
  for (const KernelSet* set : Sets()) {
    Rows full(1), empty(1);
    full.max[0] = 4.0f, full.sum[0] = 1.5f;
    for (int d = 0; d < kDim; ++d) full.acc[d] = 0.1f * static_cast<float>(d);
    const auto partial = [](Rows& rows) { return PartialRow{rows.max.data(), rows.sum.data(), rows.acc.data()}; };
    Rows to = empty;
    set->merge(partial(full), kDim, partial(to));
    EXPECT_EQ(to.max, full.max);
    EXPECT_EQ(to.sum, full.sum);
    EXPECT_EQ(to.acc, full.acc);
    set->merge(partial(empty), kDim, partial(to));
    EXPECT_EQ(to.acc, full.acc);
    Rows lower = full;
    lower.max[0] = 1.0f;
    set->merge(partial(lower), kDim, partial(to));
    EXPECT_EQ(to.max[0], 4.0f);
    EXPECT_EQ(to.sum[0], 1.5f + 1.5f * 0x1p-3f);
  }
}

}  // namespace
}  // namespace longshot
