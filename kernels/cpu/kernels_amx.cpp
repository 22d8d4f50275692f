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

/// Tile registers: 0-3 accumulate four column tiles, 4 holds A, 5 and 6 take turns for B. All are full: 16 rows of 64
/// bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16};
};

/// In static memory: GCC 12 believes that the instruction reads 8 bytes and would drop the rest of a local.
constexpr TileConfig kTileConfig;

/// C[16, cols] of bf16 A and pair-stored bf16 B, four column tiles at a time. depth a multiple of 32, cols of 32.
/// C is [16, cols] with stride c_stride; rows beyond the used ones must exist.
template <bool kFour>
inline void TileColumns(const uint16_t* a, int a_stride, const std::byte* b, int depth, int cols, int col,
                        bool accumulate, float* c, int c_stride) {
  const int64_t c_bytes = int64_t{c_stride} * 4, b_bytes = int64_t{cols} * 4;
  if (accumulate) {
    _tile_loadd(0, c + col, c_bytes);
    _tile_loadd(1, c + col + 16, c_bytes);
    if constexpr (kFour) _tile_loadd(2, c + col + 32, c_bytes);
    if constexpr (kFour) _tile_loadd(3, c + col + 48, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kFour) _tile_zero(2);
    if constexpr (kFour) _tile_zero(3);
  }
  for (int k = 0; k < depth; k += 32) {
    const std::byte* row = b + (int64_t{k / 2} * cols + col) * 4;
    _tile_loadd(4, a + k, int64_t{a_stride} * 2);
    _tile_loadd(5, row, b_bytes);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(6, row + 64, b_bytes);
    _tile_dpbf16ps(1, 4, 6);
    if constexpr (kFour) {
      _tile_loadd(5, row + 128, b_bytes);
      _tile_dpbf16ps(2, 4, 5);
      _tile_loadd(6, row + 192, b_bytes);
      _tile_dpbf16ps(3, 4, 6);
    }
  }
  _tile_stored(0, c + col, c_bytes);
  _tile_stored(1, c + col + 16, c_bytes);
  if constexpr (kFour) _tile_stored(2, c + col + 32, c_bytes);
  if constexpr (kFour) _tile_stored(3, c + col + 48, c_bytes);
}

inline void TileProduct(const uint16_t* a, int a_stride, int n, const std::byte* b, int depth, int cols,
                        bool accumulate, float* c, int c_stride) {
  for (int r = 0; r < n; r += 16) {
    int col = 0;
    for (; col + 64 <= cols; col += 64) {
      TileColumns<true>(a + r * a_stride, a_stride, b, depth, cols, col, accumulate, c + r * c_stride, c_stride);
    }
    if (col < cols) {
      TileColumns<false>(a + r * a_stride, a_stride, b, depth, cols, col, accumulate, c + r * c_stride, c_stride);
    }
  }
}

/// The tile registers, configured for the life of the object.
struct TileSession {
  TileSession() { _tile_loadconfig(&kTileConfig); }
  ~TileSession() { _tile_release(); }
};

// Whole groups of 16 rows are multiplied: queries, acc and the scratch have room for 15 rows beyond the last, and what
// is computed for rows that nobody asked for is never read. Rows of a tile are independent, so a row's bits do not
// depend on the others.

void ScoreByTiles(const SoftmaxRows& rows, int first, int n, const std::byte* keys, BlockScratch& scratch) {
  const TileSession session;
  const uint16_t* queries = static_cast<const uint16_t*>(rows.queries) + static_cast<int64_t>(first) * rows.dim;
  TileProduct(queries, rows.dim, n, keys, rows.dim, kKeyBlock, false, scratch.scores, kKeyBlock);
}

void AccumulateByTiles(const SoftmaxRows& rows, int first, int n, const std::byte* values, BlockScratch& scratch) {
  RoundProbabilities(n, scratch);
  // Surplus rows of the last group may be rows of the unit after `first + n`: their probabilities are zero, so what
  // they have accumulated stays.
  const int group_end = (n + 15) / 16 * 16;
  std::memset(scratch.probabilities + n * kKeyBlock, 0, static_cast<size_t>(group_end - n) * kKeyBlock * 2);
  const TileSession session;
  float* acc = rows.acc + static_cast<int64_t>(first) * rows.dim;
  TileProduct(scratch.probabilities, kKeyBlock, n, values, kKeyBlock, rows.dim, true, acc, rows.dim);
}

}  // namespace

const KernelSet& AmxKernels() {
  static const KernelSet set = [] {
    KernelSet kernels = F32Kernels();
    kernels.bf16 = {ScoreByTiles, AccumulateByTiles, true};
    return kernels;
  }();
  return set;
}

}  // namespace longshot
