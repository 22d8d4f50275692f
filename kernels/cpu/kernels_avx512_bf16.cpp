#include "kernels/cpu/simd_avx512.h"

namespace longshot {
namespace {
constexpr int kProductRows = 6, kProductVectors = 4;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/attention_kernel.h"

namespace longshot {
namespace {

/// Two consecutive bf16 in every lane.
inline __m512bh BroadcastPair(const uint16_t* p) {
  int pair;
  std::memcpy(&pair, p, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

template <int R>
inline void DotTile(const uint16_t* a, int a_stride, const uint16_t* b, int depth, int cols, int col, bool accumulate,
                    float* c, int c_stride) {
  __m512 sum[R][2];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < 2; ++v) {
      sum[r][v] = accumulate ? _mm512_loadu_ps(c + r * c_stride + col + 16 * v) : _mm512_setzero_ps();
    }
  }
  for (int pair = 0; pair < depth / 2; ++pair) {
    const uint16_t* row = b + 2 * (pair * cols + col);
    const auto b0 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(row));
    const auto b1 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(row + 32));
    for (int r = 0; r < R; ++r) {
      const __m512bh pair_of_a = BroadcastPair(a + r * a_stride + 2 * pair);
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], b0, pair_of_a);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], b1, pair_of_a);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < 2; ++v) _mm512_storeu_ps(c + r * c_stride + col + 16 * v, sum[r][v]);
  }
}

/// C[n, cols] of bf16 A and pair-stored bf16 B. REQUIRES: cols a multiple of 32.
inline void DotProduct(const uint16_t* a, int a_stride, int n, const std::byte* b, int depth, int cols, bool accumulate,
                       float* c, int c_stride) {
  const auto* pairs = reinterpret_cast<const uint16_t*>(b);
  for (int col = 0; col < cols; col += 32) {
    int r = 0;
    for (; r + 8 <= n; r += 8) {
      DotTile<8>(a + r * a_stride, a_stride, pairs, depth, cols, col, accumulate, c + r * c_stride, c_stride);
    }
    for (; r + 3 <= n; r += 3) {
      DotTile<3>(a + r * a_stride, a_stride, pairs, depth, cols, col, accumulate, c + r * c_stride, c_stride);
    }
    for (; r < n; ++r) {
      DotTile<1>(a + r * a_stride, a_stride, pairs, depth, cols, col, accumulate, c + r * c_stride, c_stride);
    }
  }
}

void ScoreByPairs(const SoftmaxRows& rows, int first, int n, const std::byte* keys, BlockScratch& scratch) {
  const uint16_t* queries = static_cast<const uint16_t*>(rows.queries) + static_cast<int64_t>(first) * rows.dim;
  DotProduct(queries, rows.dim, n, keys, rows.dim, kKeyBlock, false, scratch.scores, kKeyBlock);
}

void AccumulateByPairs(const SoftmaxRows& rows, int first, int n, const std::byte* values, BlockScratch& scratch) {
  RoundProbabilities(n, scratch);
  float* acc = rows.acc + static_cast<int64_t>(first) * rows.dim;
  DotProduct(scratch.probabilities, kKeyBlock, n, values, kKeyBlock, rows.dim, true, acc, rows.dim);
}

}  // namespace

const KernelSet& Avx512Bf16Kernels() {
  static const KernelSet set = [] {
    KernelSet kernels = F32Kernels();
    kernels.bf16 = {ScoreByPairs, AccumulateByPairs, true};
    return kernels;
  }();
  return set;
}

}  // namespace longshot
