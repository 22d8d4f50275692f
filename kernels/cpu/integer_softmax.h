#pragma once

#include <limits>

#include "kernels/cpu/attention_rows.h"

/// Softmax whose probabilities are integers P = 2^(score - offset) * value scale, rounded to 15 bits, for exact sums of
/// P v over values that have one scale a row. Per row and step of keys the integer offset makes the largest P seen as
/// large as 15 bits hold, and the weight, a power of two, takes it back. Included after a simd_int8_*.h by files that
/// define before
///   StoreProbabilities(a, b, c, d, to)  four vectors of P, of keys i, i + 16, i + 32 and i + 48 of a block, in
///                                       kProbabilityBytes
namespace longshot {
namespace {

/// Bytes of P of a block: less than the scores that they replace, so a block may be stored once its scores are read.
constexpr int kProbabilityBytes = 2 * kKeyBlock;

/// The larger of two magnitudes; a NaN is larger than every number.
inline float LargerMagnitude(float a, float b) {
  return __builtin_bit_cast(uint32_t, a) < __builtin_bit_cast(uint32_t, b) ? b : a;
}

/// The largest of a step's scales that a row sees: NaN if one is.
inline float LargestScale(const float* scales, int keys, const StepMask* mask) {
  const F32x16 zero = F32x16::Zero();
  float largest = 0;
  for (int k = 0; k < keys; k += 32) {
    const F32x16 a = Masked(mask, k, F32x16::Load(scales + k), zero);
    const F32x16 b = Masked(mask, k + 16, F32x16::Load(scales + k + 16), zero);
    largest = LargerMagnitude(largest, ReduceMaxMagnitude(a, b));
  }
  return largest;
}

/// An integer e with x < 2^e (1 - 2^-11), at least -40, so that weights stay above the least power of two: 2^15 x / 2^e
/// rounds to 15 bits. NaN if x is not finite.
inline float ExponentAbove(float x) {
  const int exponent = static_cast<int>(__builtin_bit_cast(uint32_t, x * (1 + 0x1p-10f)) >> 23) - 126;
  return static_cast<float>(exponent < -40 ? -40 : exponent) + (x - x);
}

/// What a row keeps of its step, behind its scores.
struct IntegerStep {
  float weight, offset;
};
inline IntegerStep* StepOf(const SoftmaxRows& rows, int row) {
  return reinterpret_cast<IntegerStep*>(rows.scores + int64_t{row} * kScoreStride + kKeyStep);
}

/// 2^n of an integer n below 128, at least 2^-126; NaN of NaN.
inline float PowerOfTwo(float n) {
  if (n >= -126.0f) return __builtin_bit_cast(float, (static_cast<int32_t>(n) + 127) << 23);
  return n < -126.0f ? 0x1p-126f : n;
}

/// Maximum, offset and weight of a row. The weight of one that sees nothing is 0.
inline void BeginIntegers(const SoftmaxRows& rows, int row, int keys, const StepMask* mask, float largest_scale) {
  const float top = LargestScore(rows.scores + int64_t{row} * kScoreStride, keys, mask);
  IntegerStep& step = *StepOf(rows, row);
  step = {0.0f, 0.0f};
  if (mask != nullptr && top == -std::numeric_limits<float>::infinity()) return;
  const float max = RaiseMax(top, rows, row);
  step.offset = __builtin_ceilf(top) + ExponentAbove(largest_scale) - 15.0f;
  step.weight = PowerOfTwo(step.offset - max);
}

/// P and the sum of a row.
inline void UpdateIntegers(const SoftmaxRows& rows, int row, int keys, const StepMask* mask, const float* scales) {
  float* scores = rows.scores + int64_t{row} * kScoreStride;
  const IntegerStep step = *StepOf(rows, row);
  if (step.weight == 0.0f) return;
  const F32x16 offset = F32x16::Set(step.offset), zero = F32x16::Zero();
  F32x16 sum = zero, sum2 = zero;
  for (int k = 0; k < keys; k += kKeyBlock) {
    F32x16 p[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) p[i] = F32x16::Load(scores + k + 16 * i) - offset;
    Exp2(p);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) p[i] = Masked(mask, k + 16 * i, p[i], zero);
    sum = sum + p[0], sum2 = sum2 + p[1];
    sum = sum + p[2], sum2 = sum2 + p[3];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) p[i] = p[i] * F32x16::Load(scales + k + 16 * i);
    StoreProbabilities(p[0], p[1], p[2], p[3],
                       reinterpret_cast<std::byte*>(scores) + k / kKeyBlock * kProbabilityBytes);
  }
  rows.sum[row] += ReduceAdd(sum + sum2) * step.weight;
}

/// First what every row begins with, then the probabilities: one row's alone would wait for its maximum.
void SoftmaxIntegers(const SoftmaxRows& rows, int blocks, const StepMask* masks, const Ahead& ahead) {
  Prefetch prefetch(ahead, rows.count);
  const int keys = blocks * kKeyBlock;
  if (masks == nullptr) {
    const float largest = LargestScale(rows.value_scales, keys, nullptr);
    for (int row = 0; row < rows.count; ++row) BeginIntegers(rows, row, keys, nullptr, largest);
    for (int row = 0; row < rows.count; ++row) {
      prefetch.Part();
      UpdateIntegers(rows, row, keys, nullptr, rows.value_scales);
    }
    return;
  }
  for (int row = 0; row < rows.count; ++row) {
    const float* scales = rows.value_scales + int64_t{row} * rows.value_scale_stride;
    prefetch.Part();
    BeginIntegers(rows, row, keys, masks + row, LargestScale(scales, keys, masks + row));
    UpdateIntegers(rows, row, keys, masks + row, scales);
  }
}

}  // namespace
}  // namespace longshot
