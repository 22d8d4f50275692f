#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/q8_quads_avx512.h"

#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/q8_rows.h"

namespace longshot {
namespace {

/// P in unsigned bytes times signed values.
template <int kC, int kA, int kB>
inline void DotOfProbabilities() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
}

/// Integer products of rows [first, first + count) over a run of keys become scores.
void ScaleScores(const SoftmaxRows& rows, int first, int count, const BlockRun& keys) {
  for (int row = first; row < first + count; ++row) {
    const F32x16 query_scale = F32x16::Set(TailOf(rows, row).scale);
    for (int b = 0; b < keys.count; ++b) {
      float* scores = rows.scores + int64_t{row} * kScoreStride + (keys.first + b) * kKeyBlock;
      const float* key_scales = Q8Scales(keys.data + b * Q8BlockBytes(rows.dim), rows.dim);
      for (int k = 0; k < kKeyBlock; k += 16) {
        const F32x16 dots = I32x16::Load(reinterpret_cast<const int32_t*>(scores) + k).ToFloat();
        (dots * F32x16::Load(key_scales + k) * query_scale).Store(scores + k);
      }
    }
  }
}

void ScoreByTiles(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  const int steps = rows.dim / 64;
  Prefetch prefetch = PrefetchOverSteps(ahead, rows.count, keys.count * (kKeyBlock / 16), steps);
  ForTileRows(rows.count, [&]<bool kBoth>(int r) {
    ScoreRun<Int8Tiles, kBoth>(rows, r, steps, keys, Q8BlockBytes(rows.dim), prefetch);
  });
  ScaleScores(rows, 0, rows.count, keys);
}

/// A column tile of P V: high bytes in accumulators 0 and 1, low bytes in 2 and 3, and into `products` in that order.
template <bool kBoth>
inline void AccumulateColumn(const SoftmaxRows& rows, int r, const BlockRun& values, int col, int32_t* products,
                             Prefetch& prefetch) {
  constexpr int64_t kStride = kScoreStride * 4;
  const auto* a = reinterpret_cast<const std::byte*>(rows.scores) + r * kStride + values.first * kQuadBytes;
  const std::byte* b = values.data + col * 4;
  const int64_t b_stride = int64_t{rows.dim} * 4;
  if constexpr (kBoth) _tile_zero(0);
  _tile_zero(1);
  if constexpr (kBoth) _tile_zero(2);
  _tile_zero(3);
  for (int block = 0; block < values.count; ++block, a += kQuadBytes, b += Q8BlockBytes(rows.dim)) {
    const std::byte* a_second = kBoth ? a + 16 * kStride : a;
    prefetch.Part();
    _tile_loadd(6, b, b_stride);
    _tile_loadd(5, a_second, kStride);
    if constexpr (kBoth) _tile_loadd(4, a, kStride);
    DotOfProbabilities<1, 5, 6>();
    if constexpr (kBoth) DotOfProbabilities<0, 4, 6>();
    _tile_loadd(5, a_second + kKeyBlock, kStride);
    if constexpr (kBoth) _tile_loadd(4, a + kKeyBlock, kStride);
    DotOfProbabilities<3, 5, 6>();
    if constexpr (kBoth) DotOfProbabilities<2, 4, 6>();
  }
  if constexpr (kBoth) _tile_stored(0, products, 64);
  _tile_stored(1, products + 256, 64);
  if constexpr (kBoth) _tile_stored(2, products + 512, 64);
  _tile_stored(3, products + 768, 64);
}

void AccumulateByTiles(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  alignas(64) int32_t products[4 * 16 * 16];
  Prefetch prefetch = PrefetchOverSteps(ahead, rows.count, rows.dim / 16, values.count);
  ForTileRows(rows.count, [&]<bool kBoth>(int r) {
    const int count = rows.count - r < 32 ? rows.count - r : 32;
    for (int col = 0; col < rows.dim; col += 16) {
      AccumulateColumn<kBoth>(rows, r, values, col, products, prefetch);
      MemoryFence();
      const int32_t* high = kBoth ? products : products + 256;
      for (int i = 0; i < count; ++i) {
        int32_t* sums = rows.sums + int64_t{r + i} * rows.dim + col;
        const I32x16 both = ShiftLeft<8>(I32x16::Load(high + 16 * i)) + I32x16::Load(high + 512 + 16 * i);
        (I32x16::Load(sums) + both).Store(sums);
      }
      MemoryFence();
    }
  });
}

}  // namespace

const RowTypeKernel& AmxQ8() {
  static const RowTypeKernel kernel{PrepareQ8, 1, ScoreByTiles, SoftmaxQ8, AccumulateByTiles, SettleQ8};
  return kernel;
}

}  // namespace longshot
