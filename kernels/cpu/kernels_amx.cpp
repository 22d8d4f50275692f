#include "kernels/cpu/simd_avx512.h"

namespace longshot {
namespace {
constexpr int kProductRows = 6, kProductVectors = 4;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/bf16_rows.h"

namespace longshot {
namespace {

/// Tile registers of a square of products: accumulators 0, 1 of the first 16 rows and 2, 3 of the last, A in 4 and 5,
/// B in 6 and 7. All are full, 16 rows of 64 bytes, but for those of the last rows, which may be fewer.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr std::array<TileConfig, 17> MakeConfigs() {
  std::array<TileConfig, 17> configs;
  for (uint8_t rows = 1; rows <= 16; ++rows) {
    for (const int tile : {2, 3, 5}) configs[rows].rows[tile] = rows;
  }
  return configs;
}

/// By number of last rows. In static memory: GCC 12 believes that the instruction reads 8 bytes and would drop the
/// rest of a local.
constexpr std::array<TileConfig, 17> kTileConfigs = MakeConfigs();

void EnterTiles() { _tile_loadconfig(&kTileConfigs[16]); }
void LeaveTiles() { _tile_release(); }

/// The instructions on tiles do not tell GCC 12 what memory they touch.
inline void MemoryFence() { __asm__ volatile("" ::: "memory"); }

/// C[n, cols] of bf16 A and pair-stored bf16 B, strides in bytes. depth and cols are multiples of 32.
struct TileShape {
  int n, depth, cols;
  int64_t a_stride, b_stride, c_stride;
  bool accumulate;
};

/// Two column tiles of up to 32 rows; kBoth: more than 16. The first 16 rows are left out otherwise.
template <bool kBoth>
inline void TileSquare(const TileShape& s, const std::byte* a, const std::byte* b, std::byte* c, Prefetch& prefetch) {
  const std::byte* a_last = kBoth ? a + 16 * s.a_stride : a;
  std::byte* c_last = kBoth ? c + 16 * s.c_stride : c;
  if (s.accumulate) {
    if constexpr (kBoth) _tile_loadd(0, c, s.c_stride);
    if constexpr (kBoth) _tile_loadd(1, c + 64, s.c_stride);
    _tile_loadd(2, c_last, s.c_stride);
    _tile_loadd(3, c_last + 64, s.c_stride);
  } else {
    if constexpr (kBoth) _tile_zero(0);
    if constexpr (kBoth) _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int k = 0; k < s.depth; k += 32) {
    const std::byte* row = b + k / 2 * s.b_stride;
    prefetch.Part();
    _tile_loadd(6, row, s.b_stride);
    _tile_loadd(7, row + 64, s.b_stride);
    _tile_loadd(5, a_last + 2 * k, s.a_stride);
    if constexpr (kBoth) _tile_loadd(4, a + 2 * k, s.a_stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    if constexpr (kBoth) _tile_dpbf16ps(0, 4, 6);
    if constexpr (kBoth) _tile_dpbf16ps(1, 4, 7);
  }
  if constexpr (kBoth) _tile_stored(0, c, s.c_stride);
  if constexpr (kBoth) _tile_stored(1, c + 64, s.c_stride);
  _tile_stored(2, c_last, s.c_stride);
  _tile_stored(3, c_last + 64, s.c_stride);
}

/// All column tiles, 32 rows at a time. REQUIRES: `EnterTiles`.
inline void TileProduct(const TileShape& s, const std::byte* a, const std::byte* b, std::byte* c, Prefetch& prefetch) {
  MemoryFence();
  for (int r = 0; r < s.n; r += 32) {
    const int rows = s.n - r < 32 ? s.n - r : 32, last = (rows - 1) % 16 + 1;
    if (last != 16) _tile_loadconfig(&kTileConfigs[last]);
    for (int col = 0; col < s.cols; col += 32) {
      const std::byte* b_column = b + int64_t{col} * 4;
      std::byte* c_square = c + r * s.c_stride + int64_t{col} * 4;
      if (rows > 16) {
        TileSquare<true>(s, a + r * s.a_stride, b_column, c_square, prefetch);
      } else {
        TileSquare<false>(s, a + r * s.a_stride, b_column, c_square, prefetch);
      }
    }
    if (last != 16) _tile_loadconfig(&kTileConfigs[16]);
  }
  MemoryFence();
}

void ScoreByTiles(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  const TileShape shape{.n = rows.count,
                        .depth = rows.dim,
                        .cols = kKeyBlock,
                        .a_stride = rows.query_stride,
                        .b_stride = kKeyBlock * 4,
                        .c_stride = kScoreStride * 4,
                        .accumulate = false};
  Prefetch prefetch(ahead, (rows.count + 31) / 32 * keys.count * (kKeyBlock / 32) * (rows.dim / 32));
  for (int i = 0; i < keys.count; ++i) {
    TileProduct(shape, rows.queries, keys.data + int64_t{i} * kKeyBlock * rows.dim * 2,
                reinterpret_cast<std::byte*>(rows.scores + (keys.first + i) * kKeyBlock), prefetch);
  }
}

void AccumulateByTiles(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  const TileShape shape{.n = rows.count,
                        .depth = values.count * kKeyBlock,
                        .cols = rows.dim,
                        .a_stride = kProbabilityStride * 2,
                        .b_stride = int64_t{rows.dim} * 4,
                        .c_stride = int64_t{rows.dim} * 4,
                        .accumulate = true};
  Prefetch prefetch(ahead, (rows.count + 31) / 32 * (shape.depth / 32) * (rows.dim / 32));
  TileProduct(shape, reinterpret_cast<const std::byte*>(rows.probabilities + values.first * kKeyBlock), values.data,
              reinterpret_cast<std::byte*>(rows.acc), prefetch);
}

}  // namespace

const KernelSet& AmxKernels() {
  static const KernelSet set = [] {
    KernelSet kernels = F32Kernels();
    kernels.bf16 = {PrepareBf16, 2, ScoreByTiles, Softmax<Bf16Probabilities>, AccumulateByTiles};
    kernels.enter = EnterTiles, kernels.leave = LeaveTiles;
    return kernels;
  }();
  return set;
}

}  // namespace longshot
