#pragma once

#include <cstring>

#include "kernels/cpu/vector_math.h"

/// Row-wise loops, included after a simd_*.h by the files compiled for one instruction set. Rows are processed in
/// vectors of 16; the last, shorter vector goes through a zero-padded copy, so that every row length has one order.
namespace longshot {
namespace {

inline F32x16 LoadPart(const float* p, int64_t n) {
  float padded[16] = {};
  std::memcpy(padded, p, static_cast<size_t>(n) * sizeof(float));
  return F32x16::Load(padded);
}

/// Calls body(i, vector, lanes) over the row.
template <class Body>
inline void ForVectors(const float* x, int64_t n, Body&& body) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) body(i, F32x16::Load(x + i), int64_t{16});
  if (i < n) body(i, LoadPart(x + i, n - i), n - i);
}

inline void StorePart(F32x16 v, float* p, int64_t n) {
  float padded[16];
  v.Store(padded);
  std::memcpy(p, padded, static_cast<size_t>(n) * sizeof(float));
}

/// Calls store(i, normalised vector, lanes).
template <class Store>
inline void Normalise(const float* x, const float* weight, int64_t n, float eps, Store&& store) {
  if (weight == nullptr) return ForVectors(x, n, store);
  F32x16 squares = F32x16::Zero();
  ForVectors(x, n, [&](int64_t, F32x16 v, int64_t) { squares = Fma(v, v, squares); });
  const float mean = ReduceAdd(squares) / static_cast<float>(n);
  const F32x16 scale = F32x16::Set(1.0f / __builtin_sqrtf(mean + eps));
  ForVectors(x, n, [&](int64_t i, F32x16 v, int64_t lanes) {
    const F32x16 w = lanes == 16 ? F32x16::Load(weight + i) : LoadPart(weight + i, lanes);
    store(i, v * scale * w, lanes);
  });
}

inline void NormF32(const float* x, const float* weight, int64_t n, float eps, float* y) {
  Normalise(x, weight, n, eps, [&](int64_t i, F32x16 v, int64_t lanes) {
    if (lanes == 16) {
      v.Store(y + i);
    } else {
      StorePart(v, y + i, lanes);
    }
  });
}

inline void NormBf16(const float* x, const float* weight, int64_t n, float eps, uint16_t* y) {
  Normalise(x, weight, n, eps, [&](int64_t i, F32x16 v, int64_t lanes) {
    if (lanes == 16) return StoreBf16(v, y + i);
    uint16_t padded[16];
    StoreBf16(v, padded);
    std::memcpy(y + i, padded, static_cast<size_t>(lanes) * 2);
  });
}

inline void SwiGlu(const float* x, int64_t n, float* y) {
  const auto of_pairs = [](const float* pairs) {
    return Silu(F32x16::LoadOfPairs<0>(pairs)) * F32x16::LoadOfPairs<1>(pairs);
  };
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) of_pairs(x + 2 * i).Store(y + i);
  if (i == n) return;
  float padded[32] = {};
  std::memcpy(padded, x + 2 * i, static_cast<size_t>(n - i) * 2 * sizeof(float));
  StorePart(of_pairs(padded), y + i, n - i);
}

inline void Rotate(float* x, const float* table, int64_t pairs) {
  const float *cosines = table, *sines = table + pairs;
  for (int64_t i = 0; i < pairs; ++i) {
    const float a = x[i], b = x[i + pairs];
    x[i] = a * cosines[i] - b * sines[i];
    x[i + pairs] = b * cosines[i] + a * sines[i];
  }
}

}  // namespace
}  // namespace longshot
