#pragma once

#include "kernels/cpu/attention_rows.h"
#include "kernels/cpu/row_formats.h"

/// One step of the attention reduction, included after a simd_*.h by files that define
///   kProductRows, kProductVectors  rows and vectors whose sums a product keeps in registers
///   kPairsPerPart                  how often it asks for memory: every so many pairs of its depth
/// Both of its products have the shape
/// C[rows, cols] = A[rows, depth] * B[depth, cols]: scores = Q * K^T (depth = head dim, cols = 64 keys) and
/// acc += P * V (depth = keys of a run, cols = head dim). B is stored by pairs of its rows where the type asks for it,
/// so keys and values share one layout. Every element of C is one accumulation over ascending depth: its bits do not
/// depend on how many rows are computed with it.
namespace longshot {
namespace {

/// One row of B against R rows of A: `kOdd` says which of the pair.
template <class Format, int kOdd, int R, int V>
inline void AddRow(const float* a, int a_stride, const std::byte* b, int pair, int cols, int col, F32x16 (&sum)[R][V]) {
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const F32x16 row = Format::template Load<kOdd>(b, pair, cols, col + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) AddProduct(sum[r][v], F32x16::Set(a[r * a_stride + 2 * pair + kOdd]), row);
    ForgetLoads();
  }
}

/// R rows by V vectors of C, held in registers.
template <class Format, int R, int V>
inline void ProductTile(const float* a, int a_stride, const std::byte* b, int depth, int cols, int col, bool accumulate,
                        float* c, int c_stride, Prefetch& prefetch) {
  F32x16 sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      sum[r][v] = accumulate ? F32x16::Load(c + r * c_stride + col + 16 * v) : F32x16::Zero();
    }
  }
  for (int pair = 0; pair < depth / 2; ++pair) {
    if (pair % kPairsPerPart == 0) prefetch.Part();
    AddRow<Format, 0>(a, a_stride, b, pair, cols, col, sum);
    AddRow<Format, 1>(a, a_stride, b, pair, cols, col, sum);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v].Store(c + r * c_stride + col + 16 * v);
  }
}

/// Shape of one product, and C's rows: n of them, `cols` a multiple of 32.
struct ProductShape {
  int n, depth, cols;
  int a_stride, c_stride;
  bool accumulate;
};

/// All rows of V vectors of C.
template <class Format, int V>
inline void ProductColumns(const ProductShape& s, const float* a, const std::byte* b, int col, float* c,
                           Prefetch& prefetch) {
  ForRowTiles<kProductRows>(s.n, [&]<int R>(int r) {
    ProductTile<Format, R, V>(a + r * s.a_stride, s.a_stride, b, s.depth, s.cols, col, s.accumulate, c + r * s.c_stride,
                              s.c_stride, prefetch);
  });
}

template <class Format>
inline void Product(const ProductShape& s, const float* a, const std::byte* b, float* c, Prefetch& prefetch) {
  int col = 0;
  for (; col + 16 * kProductVectors <= s.cols; col += 16 * kProductVectors) {
    ProductColumns<Format, kProductVectors>(s, a, b, col, c, prefetch);
  }
  if (col < s.cols) ProductColumns<Format, 2>(s, a, b, col, c, prefetch);
}

/// Parts of a prefetch: as many as `Product` asks for, about.
inline Prefetch PrefetchOver(const Ahead& ahead, int n, int depth, int cols) {
  const int tiles =
      (n + kProductRows - 1) / kProductRows * ((cols + 16 * kProductVectors - 1) / (16 * kProductVectors));
  return Prefetch(ahead, tiles * ((depth / 2 + kPairsPerPart - 1) / kPairsPerPart));
}

template <class Format>
void ScoreInF32(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  const ProductShape shape{.n = rows.count,
                           .depth = rows.dim,
                           .cols = kKeyBlock,
                           .a_stride = rows.query_stride / 4,
                           .c_stride = kScoreStride,
                           .accumulate = false};
  Prefetch prefetch = PrefetchOver(ahead, rows.count, rows.dim, kKeyBlock * keys.count);
  for (int i = 0; i < keys.count; ++i) {
    Product<Format>(shape, reinterpret_cast<const float*>(rows.queries),
                    keys.data + int64_t{i} * kKeyBlock * rows.dim * Format::kBytes,
                    rows.scores + (keys.first + i) * kKeyBlock, prefetch);
  }
}

template <class Format>
void AccumulateInF32(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  const ProductShape shape{.n = rows.count,
                           .depth = values.count * kKeyBlock,
                           .cols = rows.dim,
                           .a_stride = kScoreStride,
                           .c_stride = rows.dim,
                           .accumulate = true};
  Prefetch prefetch = PrefetchOver(ahead, rows.count, shape.depth, rows.dim);
  Product<Format>(shape, rows.scores + values.first * kKeyBlock, values.data, rows.acc, prefetch);
}

void PrepareF32(const float* q, int head_dim, int dim, float scale, std::byte* row) {
  float* to = reinterpret_cast<float*>(row);
  for (int d = 0; d < head_dim; ++d) to[d] = q[d] * scale;
  for (int d = head_dim; d < dim; ++d) to[d] = 0.0f;
}

/// Where `softmax` leaves the probabilities of a row, two vectors at a time.
struct F32Probabilities {
  static void Store(const SoftmaxRows& rows, int row, int key, F32x16 a, F32x16 b) {
    a.Store(rows.scores + int64_t{row} * kScoreStride + key);
    b.Store(rows.scores + int64_t{row} * kScoreStride + key + 16);
  }
};

/// Raises a row's maximum to the scores that it sees.
inline void BeginRow(const SoftmaxRows& rows, int row, int keys, const StepMask* mask) {
  const float top = LargestScore(rows.scores + int64_t{row} * kScoreStride, keys, mask);
  if (mask == nullptr || top != -std::numeric_limits<float>::infinity()) RaiseMax(top, rows, row);
}

/// Probabilities of a row and their sum. A row that has seen nothing yet gets zeros.
template <class Probabilities>
inline void UpdateRow(const SoftmaxRows& rows, int row, int keys, const StepMask* mask) {
  const float* scores = rows.scores + int64_t{row} * kScoreStride;
  const F32x16 max = F32x16::Set(rows.max[row]), zero = F32x16::Zero();
  F32x16 sum = zero, sum2 = zero;
  for (int k = 0; k < keys; k += kKeyBlock) {
    F32x16 p[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) p[i] = F32x16::Load(scores + k + 16 * i) - max;
    Exp2(p);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) p[i] = Masked(mask, k + 16 * i, p[i], zero);
    sum = sum + p[0], sum2 = sum2 + p[1];
    sum = sum + p[2], sum2 = sum2 + p[3];
    Probabilities::Store(rows, row, k, p[0], p[1]);
    Probabilities::Store(rows, row, k + 32, p[2], p[3]);
  }
  rows.sum[row] += ReduceAdd(sum + sum2);
}

/// First the maxima of all rows, then the probabilities: one row's alone would wait for its maximum.
/// Source: online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867; the maximum is rounded up to an integer.
template <class Probabilities>
void Softmax(const SoftmaxRows& rows, int blocks, const StepMask* masks, const Ahead& ahead) {
  Prefetch prefetch(ahead, rows.count);
  const int keys = blocks * kKeyBlock;
  for (int row = 0; row < rows.count; ++row) BeginRow(rows, row, keys, masks ? masks + row : nullptr);
  for (int row = 0; row < rows.count; ++row) {
    prefetch.Part();
    if (masks == nullptr) {
      UpdateRow<Probabilities>(rows, row, keys, nullptr);
    } else {
      UpdateRow<Probabilities>(rows, row, keys, masks + row);
    }
  }
}

void MergePartial(const PartialRow& from, int dim, const PartialRow& to) {
  if (*from.max == -std::numeric_limits<float>::infinity()) return;
  const float max = *to.max < *from.max ? *from.max : *to.max;
  const F32x16 a = PowerBetween(*to.max, max), b = PowerBetween(*from.max, max);
  for (int d = 0; d < dim; d += 16) {
    Fma(F32x16::Load(from.acc + d), b, F32x16::Load(to.acc + d) * a).Store(to.acc + d);
  }
  *to.sum = *to.sum * FirstLane(a) + *from.sum * FirstLane(b);
  *to.max = max;
}

void FinishRow(const PartialRow& row, int head_dim, float* out) {
  for (int d = 0; d < head_dim; ++d) out[d] = row.acc[d] / *row.sum;
}

/// With as many sums as a product holds.
double MultiplyAdds(int64_t rounds) {
  constexpr int kSums = kProductRows * kProductVectors;
  const F32x16 x = F32x16::Set(0.5f), y = F32x16::Set(0.25f);
  F32x16 sums[kSums];
  for (int s = 0; s < kSums; ++s) sums[s] = F32x16::Set(static_cast<float>(s));
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
    for (int s = 0; s < kSums; ++s) sums[s] = Fma(sums[s], x, y);
  }
  F32x16 total = F32x16::Zero();
  for (const F32x16& sum : sums) total = total + sum;
  // Every sum has come near 1/2; asking for them keeps the loop.
  return ReduceAdd(total) > 0.0f ? 2.0 * 16 * kSums * static_cast<double>(rounds) : 0.0;
}

KernelSet F32Kernels() {
  KernelSet set{NormF32, NormBf16, SwiGlu, Rotate, MergePartial, FinishRow, nullptr, nullptr, {}, {}, {}};
  const auto softmax = Softmax<F32Probabilities>;
  set.f32 = {PrepareF32, 4, ScoreInF32<F32Format>, softmax, AccumulateInF32<F32Format>};
  set.f16 = {PrepareF32, 4, ScoreInF32<F16Format>, softmax, AccumulateInF32<F16Format>};
  set.bf16 = {PrepareF32, 4, ScoreInF32<Bf16Format>, softmax, AccumulateInF32<Bf16Format>};
  set.multiply_adds = MultiplyAdds;
  return set;
}

}  // namespace
}  // namespace longshot
