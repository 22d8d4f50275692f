#pragma once

#include "kernels/cpu/integer_softmax.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/kernels.h"

/// Attention over rows in q8_0 as far as all instruction sets share it, included after a simd_int8_*.h. Both products
/// are sums of integers, so they are exact and the same however they are cut:
///   score = (q . k) * key scale * query scale, q rounded to signed bytes with one scale;
///   acc += weight * sum of P v, P and weight as in `integer_softmax.h`.
/// Such a file defines before, beside `StoreProbabilities`,
///   kQueryBytes, StoreQuery(quants, dim, to)  bytes of an element of a prepared query; signed bytes in that form
namespace longshot {
namespace {

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
  ForVectors(q, head_dim, [&](int64_t i, F32x16 v, int64_t) { tail.sum += StoreRounded(v * inverse, quants + i); });
  StoreQuery(quants, dim, row);
  std::memcpy(row + dim * kQueryBytes, &tail, sizeof tail);
}

void SoftmaxQ8(const SoftmaxRows& rows, int blocks, const StepMask* masks, const Ahead& ahead) {
  std::memset(rows.sums, 0, static_cast<size_t>(rows.count) * rows.dim * sizeof(int32_t));
  SoftmaxIntegers(rows, blocks, masks, ahead);
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
