#pragma once

#include <limits>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/vector_math.h"

/// One block of the attention reduction, included after a simd_*.h. Both of its products have the shape
/// C[rows, cols] = A[rows, depth] * B[depth, cols]: scores = Q * K^T (depth = head dim, cols = 64 keys) and
/// acc += P * V (depth = 64 keys, cols = head dim). B is stored by pairs of its rows where the type asks for it, so
/// keys and values share one layout. Every element of C is one accumulation over ascending depth: its bits do not
/// depend on how many rows are computed with it.
namespace longshot {
namespace {

/// B as plain rows [depth, cols] of f32 or f16.
struct F32Format {
  static void LoadPair(const std::byte* b, int pair, int cols, int col, F32x16& even, F32x16& odd) {
    const float* p = reinterpret_cast<const float*>(b) + 2 * pair * cols + col;
    even = F32x16::Load(p), odd = F32x16::Load(p + cols);
  }
};

struct F16Format {
  static void LoadPair(const std::byte* b, int pair, int cols, int col, F32x16& even, F32x16& odd) {
    const uint16_t* p = reinterpret_cast<const uint16_t*>(b) + 2 * pair * cols + col;
    even = F32x16::LoadF16(p), odd = F32x16::LoadF16(p + cols);
  }
};

/// B as pairs of rows [depth / 2, cols, 2] of bf16, computed in f32.
struct Bf16Format {
  static void LoadPair(const std::byte* b, int pair, int cols, int col, F32x16& even, F32x16& odd) {
    F32x16::LoadBf16Pairs(reinterpret_cast<const uint16_t*>(b) + 2 * (pair * cols + col), even, odd);
  }
};

/// R rows by V vectors of C, held in registers.
template <class Format, int R, int V>
inline void ProductTile(const float* a, int a_stride, const std::byte* b, int depth, int cols, int col, bool accumulate,
                        float* c, int c_stride) {
  F32x16 sum[R][V];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      sum[r][v] = accumulate ? F32x16::Load(c + r * c_stride + col + 16 * v) : F32x16::Zero();
    }
  }
  for (int pair = 0; pair < depth / 2; ++pair) {
    F32x16 even[V], odd[V];
    for (int v = 0; v < V; ++v) Format::LoadPair(b, pair, cols, col + 16 * v, even[v], odd[v]);
    for (int r = 0; r < R; ++r) {
      const F32x16 a0 = F32x16::Set(a[r * a_stride + 2 * pair]), a1 = F32x16::Set(a[r * a_stride + 2 * pair + 1]);
      for (int v = 0; v < V; ++v) sum[r][v] = Fma(a0, even[v], sum[r][v]);
      for (int v = 0; v < V; ++v) sum[r][v] = Fma(a1, odd[v], sum[r][v]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) sum[r][v].Store(c + r * c_stride + col + 16 * v);
  }
}

/// C[n, cols] in tiles. REQUIRES: cols a multiple of 32.
template <class Format>
inline void Product(const float* a, int a_stride, int n, const std::byte* b, int depth, int cols, bool accumulate,
                    float* c, int c_stride) {
  for (int col = 0; col < cols; col += 16 * kProductVectors) {
    const bool narrow = cols - col < 16 * kProductVectors;
    int r = 0;
    for (; !narrow && r + kProductRows <= n; r += kProductRows) {
      ProductTile<Format, kProductRows, kProductVectors>(a + r * a_stride, a_stride, b, depth, cols, col, accumulate,
                                                         c + r * c_stride, c_stride);
    }
    for (; r + 3 <= n; r += 3) {
      ProductTile<Format, 3, 2>(a + r * a_stride, a_stride, b, depth, cols, col, accumulate, c + r * c_stride,
                                c_stride);
      if (!narrow && kProductVectors == 4) {
        ProductTile<Format, 3, 2>(a + r * a_stride, a_stride, b, depth, cols, col + 32, accumulate, c + r * c_stride,
                                  c_stride);
      }
    }
    for (; r < n; ++r) {
      ProductTile<Format, 1, 2>(a + r * a_stride, a_stride, b, depth, cols, col, accumulate, c + r * c_stride,
                                c_stride);
      if (!narrow && kProductVectors == 4) {
        ProductTile<Format, 1, 2>(a + r * a_stride, a_stride, b, depth, cols, col + 32, accumulate, c + r * c_stride,
                                  c_stride);
      }
    }
  }
}

/// Masks the 64 scores of a row, updates its maximum and sum, rescales acc, and leaves the probabilities in `scores`.
/// Source: online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867. A row that sees nothing stays as it is.
inline void UpdateSoftmax(uint64_t mask, float* scores, const SoftmaxRows& rows, int row) {
  if (mask == 0) {
    for (int v = 0; v < 4; ++v) F32x16::Zero().Store(scores + 16 * v);
    return;
  }
  const F32x16 minus_infinity = F32x16::Set(-std::numeric_limits<float>::infinity());
  F32x16 s[4];
  for (int v = 0; v < 4; ++v) {
    s[v] = Select(static_cast<uint16_t>(mask >> (16 * v)), F32x16::Load(scores + 16 * v), minus_infinity);
  }
  const float old_max = rows.max[row];
  const float block_max = ReduceMax(Max(Max(s[0], s[1]), Max(s[2], s[3])));
  const float new_max = block_max > old_max ? block_max : old_max;
  for (int v = 0; v < 4; ++v) {
    s[v] = Select(static_cast<uint16_t>(mask >> (16 * v)), Exp2(s[v] - F32x16::Set(new_max)), F32x16::Zero());
    s[v].Store(scores + 16 * v);
  }
  const float block_sum = ReduceAdd((s[0] + s[1]) + (s[2] + s[3]));
  float alpha = 1.0f;
  if (new_max != old_max) {
    float lanes[16];
    Exp2(F32x16::Set(old_max - new_max)).Store(lanes);
    alpha = lanes[0];
    float* acc = rows.acc + static_cast<int64_t>(row) * rows.dim;
    for (int d = 0; d < rows.dim; d += 16) (F32x16::Load(acc + d) * F32x16::Set(alpha)).Store(acc + d);
  }
  rows.max[row] = new_max;
  rows.sum[row] = rows.sum[row] * alpha + block_sum;
}

void Softmax(const SoftmaxRows& rows, int first, int n, const uint64_t* masks, BlockScratch& scratch) {
  for (int i = 0; i < n; ++i) UpdateSoftmax(masks[i], scratch.scores + i * kKeyBlock, rows, first + i);
}

template <class Format>
void ScoreInF32(const SoftmaxRows& rows, int first, int n, const std::byte* keys, BlockScratch& scratch) {
  const float* queries = static_cast<const float*>(rows.queries) + static_cast<int64_t>(first) * rows.dim;
  Product<Format>(queries, rows.dim, n, keys, rows.dim, kKeyBlock, false, scratch.scores, kKeyBlock);
}

template <class Format>
void AccumulateInF32(const SoftmaxRows& rows, int first, int n, const std::byte* values, BlockScratch& scratch) {
  float* acc = rows.acc + static_cast<int64_t>(first) * rows.dim;
  Product<Format>(scratch.scores, kKeyBlock, n, values, kKeyBlock, rows.dim, true, acc, rows.dim);
}

/// Probabilities of n rows as bf16, for the kernels that multiply them so.
inline void RoundProbabilities(int n, BlockScratch& scratch) {
  for (int i = 0; i < n * kKeyBlock; i += 16) StoreBf16(F32x16::Load(scratch.scores + i), scratch.probabilities + i);
}

KernelSet F32Kernels() {
  KernelSet set{NormF32, NormBf16, SwiGlu, Rotate, Softmax, {}, {}, {}};
  set.f32 = {ScoreInF32<F32Format>, AccumulateInF32<F32Format>, false};
  set.f16 = {ScoreInF32<F16Format>, AccumulateInF32<F16Format>, false};
  set.bf16 = {ScoreInF32<Bf16Format>, AccumulateInF32<Bf16Format>, false};
  return set;
}

}  // namespace
}  // namespace longshot
