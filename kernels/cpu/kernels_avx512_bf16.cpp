#include "kernels/cpu/simd_avx512.h"

namespace longshot {
namespace {
constexpr int kProductRows = 6, kProductVectors = 4, kPairsPerPart = 16;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/bf16_rows.h"

namespace longshot {
namespace {

/// Two consecutive bf16 in every lane.
inline __m512bh BroadcastPair(const uint16_t* p) {
  int pair;
  std::memcpy(&pair, p, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

/// R rows by V vectors of C, held in registers.
template <int R, int V>
inline void DotTile(const ProductShape& s, const uint16_t* a, const uint16_t* b, float* c, Prefetch& prefetch) {
  __m512 sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      sum[r][v] = s.accumulate ? _mm512_loadu_ps(c + r * s.c_stride + 16 * v) : _mm512_setzero_ps();
    }
  }
  for (int pair = 0; pair < s.depth / 2; ++pair) {
    if (pair % 8 == 0) prefetch.Part();
    __m512bh row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      row[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + 2 * (pair * s.cols + 16 * v)));
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512bh x = BroadcastPair(a + r * s.a_stride + 2 * pair);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], row[v], x);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(c + r * s.c_stride + 16 * v, sum[r][v]);
  }
}

template <int V>
inline void DotColumns(const ProductShape& s, const uint16_t* a, const uint16_t* b, float* c, Prefetch& prefetch) {
  const auto tile = [&]<int R>(int r) { DotTile<R, V>(s, a + r * s.a_stride, b, c + r * s.c_stride, prefetch); };
  int r = 0;
  for (; r + 6 <= s.n; r += 6) tile.template operator()<6>(r);
  for (; r + 3 <= s.n; r += 3) tile.template operator()<3>(r);
  for (; r < s.n; ++r) tile.template operator()<1>(r);
}

/// C[n, cols] of bf16 A and pair-stored bf16 B.
inline void DotProduct(const ProductShape& s, const uint16_t* a, const std::byte* b, float* c, Prefetch& prefetch) {
  const auto* pairs = reinterpret_cast<const uint16_t*>(b);
  int col = 0;
  for (; col + 64 <= s.cols; col += 64) DotColumns<4>(s, a, pairs + 2 * col, c + col, prefetch);
  if (col < s.cols) DotColumns<2>(s, a, pairs + 2 * col, c + col, prefetch);
}

/// Parts of a prefetch: as many as `DotProduct` asks for, about.
inline Prefetch PrefetchOverDots(const Ahead& ahead, int n, int depth, int cols) {
  return Prefetch(ahead, (n + 5) / 6 * ((cols + 63) / 64) * (depth / 16));
}

void ScoreByPairs(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  const ProductShape shape{.n = rows.count,
                           .depth = rows.dim,
                           .cols = kKeyBlock,
                           .a_stride = rows.query_stride / 2,
                           .c_stride = kScoreStride,
                           .accumulate = false};
  Prefetch prefetch = PrefetchOverDots(ahead, rows.count, rows.dim, kKeyBlock * keys.count);
  for (int i = 0; i < keys.count; ++i) {
    DotProduct(shape, reinterpret_cast<const uint16_t*>(rows.queries),
               keys.data + int64_t{i} * kKeyBlock * rows.dim * 2, rows.scores + (keys.first + i) * kKeyBlock, prefetch);
  }
}

void AccumulateByPairs(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  const ProductShape shape{.n = rows.count,
                           .depth = values.count * kKeyBlock,
                           .cols = rows.dim,
                           .a_stride = static_cast<int>(Bf16Probabilities::kStride),
                           .c_stride = rows.dim,
                           .accumulate = true};
  Prefetch prefetch = PrefetchOverDots(ahead, rows.count, shape.depth, rows.dim);
  DotProduct(shape, Bf16Probabilities::Of(rows, values.first), values.data, rows.acc, prefetch);
}

}  // namespace

const KernelSet& Avx512Bf16Kernels() {
  static const KernelSet set = [] {
    KernelSet kernels = F32Kernels();
    kernels.bf16 = {PrepareBf16, 2, ScoreByPairs, Softmax<Bf16Probabilities>, AccumulateByPairs};
    return kernels;
  }();
  return set;
}

}  // namespace longshot
