#pragma once

#include "kernels/cpu/attention_rows.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/kernels.h"

/// Attention over rows in q8_0 as far as all instruction sets share it, included after a simd_int8_*.h. Both products
/// are sums of integers, so they are exact and the same however they are cut:
///   score = (q . k) * key scale * query scale, q rounded to signed bytes with one scale;
///   acc += weight * sum of P v, P = 2^(score - offset) * value scale rounded to 15 bits. Per row and step the integer
///   offset makes the largest P seen as large as 15 bits hold, and the weight, a power of two, takes it back.
/// Such a file defines before
///   kQueryBytes, StoreQuery(quants, dim, to)  bytes of an element of a prepared query; signed bytes in that form
///   StoreQuads(a, b, c, d, to)  four vectors of P, for keys i, i + 16, i + 32 and i + 48 of a block, in kQuadBytes
namespace longshot {
namespace {

/// Bytes of P of a block: less than the scores that they replace, so a block may be stored once its scores are read.
constexpr int kQuadBytes = 2 * kKeyBlock;

/// A prepared query: dim elements, then this.
struct Q8QueryTail {
  float scale;
  int32_t sum;  ///< of the bytes
};
inline Q8QueryTail TailOf(const SoftmaxRows& rows, int row) {
  Q8QueryTail tail;
  std::memcpy(&tail, rows.queries + int64_t{row} * rows.query_stride + rows.dim * kQueryBytes, sizeof tail);
  return tail;
}

/// The larger of two magnitudes; a NaN is larger than every number.
inline float LargerMagnitude(float a, float b) {
  return __builtin_bit_cast(uint32_t, a) < __builtin_bit_cast(uint32_t, b) ? b : a;
}

/// Below this a query is zero: its reciprocal would overflow.
constexpr float kLeastQuery = 0x1p-120f;

void PrepareQ8(const float* q, int head_dim, int dim, float scale, std::byte* row) {
  float magnitude = 0;
  ForVectors(q, head_dim,
             [&](int64_t, F32x16 v, int64_t) { magnitude = LargerMagnitude(magnitude, ReduceMaxMagnitude(v, v)); });
  const bool zero = magnitude < kLeastQuery;
  const F32x16 inverse = F32x16::Set(zero ? 0.0f : 127.0f / magnitude);
  Q8QueryTail tail{(zero ? 0.0f : magnitude / 127.0f) * scale, 0};
  int8_t quants[kMaxHeadDim];
  std::memset(quants, 0, static_cast<size_t>(dim));
  ForVectors(q, head_dim,
             [&](int64_t i, F32x16 v, int64_t) { tail.sum += StoreRounded(v * inverse, quants + i); });
  StoreQuery(quants, dim, row);
  std::memcpy(row + dim * kQueryBytes, &tail, sizeof tail);
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

/// An integer e with x < 2^e (1 - 2^-11), at least -100: 2^15 x / 2^e rounds to 15 bits. NaN if x is not finite.
inline float ExponentAbove(float x) {
  const int exponent = static_cast<int>(__builtin_bit_cast(uint32_t, x * (1 + 0x1p-10f)) >> 23) - 126;
  return static_cast<float>(exponent < -100 ? -100 : exponent) + (x - x);
}

/// What a row keeps of its step, behind its scores.
struct Q8Step {
  float weight, offset;
};
inline Q8Step* StepOf(const SoftmaxRows& rows, int row) {
  return reinterpret_cast<Q8Step*>(rows.scores + int64_t{row} * kScoreStride + kKeyStep);
}

/// 2^n of an integer n below 128, at least 2^-126; NaN of NaN.
inline float PowerOfTwo(float n) {
  if (n >= -126.0f) return __builtin_bit_cast(float, (static_cast<int32_t>(n) + 127) << 23);
  return n < -126.0f ? 0x1p-126f : n;
}

/// Maximum, offset and weight of a row. The weight of one that sees nothing is 0.
inline void BeginRowQ8(const SoftmaxRows& rows, int row, int keys, const StepMask* mask, float largest_scale) {
  int32_t* sums = rows.sums + int64_t{row} * rows.dim;
  for (int d = 0; d < rows.dim; d += 16) I32x16::Set(0).Store(sums + d);
  const float top = LargestScore(rows.scores + int64_t{row} * kScoreStride, keys, mask);
  Q8Step& step = *StepOf(rows, row);
  step = {0.0f, 0.0f};
  if (mask != nullptr && top == -std::numeric_limits<float>::infinity()) return;
  const float max = RaiseMax(top, rows, row);
  step.offset = __builtin_ceilf(top) + ExponentAbove(largest_scale) - 15.0f;
  step.weight = PowerOfTwo(step.offset - max);
}

/// P and the sum of a row.
inline void UpdateRowQ8(const SoftmaxRows& rows, int row, int keys, const StepMask* mask, const float* scales) {
  float* scores = rows.scores + int64_t{row} * kScoreStride;
  const Q8Step step = *StepOf(rows, row);
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
    StoreQuads(p[0], p[1], p[2], p[3], reinterpret_cast<std::byte*>(scores) + k / kKeyBlock * kQuadBytes);
  }
  rows.sum[row] += ReduceAdd(sum + sum2) * step.weight;
}

/// First what every row begins with, then the probabilities: one row's alone would wait for its maximum.
void SoftmaxQ8(const SoftmaxRows& rows, int blocks, const StepMask* masks, const Ahead& ahead) {
  Prefetch prefetch(ahead, rows.count);
  const int keys = blocks * kKeyBlock;
  if (masks == nullptr) {
    const float largest = LargestScale(rows.value_scales, keys, nullptr);
    for (int row = 0; row < rows.count; ++row) BeginRowQ8(rows, row, keys, nullptr, largest);
    for (int row = 0; row < rows.count; ++row) {
      prefetch.Part();
      UpdateRowQ8(rows, row, keys, nullptr, rows.value_scales);
    }
    return;
  }
  for (int row = 0; row < rows.count; ++row) {
    const float* scales = rows.value_scales + int64_t{row} * rows.value_scale_stride;
    prefetch.Part();
    BeginRowQ8(rows, row, keys, masks + row, LargestScale(scales, keys, masks + row));
    UpdateRowQ8(rows, row, keys, masks + row, scales);
  }
}

/// acc += weight * sums of the step.
void SettleQ8(const SoftmaxRows& rows) {
  for (int row = 0; row < rows.count; ++row) {
    const F32x16 weight = F32x16::Set(StepOf(rows, row)->weight);
    if (FirstLane(weight) == 0.0f) continue;
    float* acc = rows.acc + int64_t{row} * rows.dim;
    const int32_t* sums = rows.sums + int64_t{row} * rows.dim;
    for (int d = 0; d < rows.dim; d += 16) {
      Fma(I32x16::Load(sums + d).ToFloat(), weight, F32x16::Load(acc + d)).Store(acc + d);
    }
  }
}

}  // namespace
}  // namespace longshot
