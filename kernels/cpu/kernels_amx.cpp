#include "kernels/cpu/simd_avx512.h"

namespace longshot {
namespace {
constexpr int kProductRows = 6, kProductVectors = 4, kPairsPerPart = 16;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/bf16_rows.h"

namespace longshot {
namespace {

void EnterTiles() { _tile_loadconfig(&kTileConfigs[16]); }
void LeaveTiles() { _tile_release(); }

/// C of up to 32 rows from bf16 A and pair-stored bf16 B; strides in bytes.
struct TileShape {
  int depth;  ///< a multiple of 32
  int64_t a_stride, b_stride, c_stride;
};

/// Calls use.template operator()<kBoth>(first row) for every two tiles of rows; kBoth: not only the second. The second
/// tiles have the rows that are left. REQUIRES: `EnterTiles`.
template <class Use>
inline void ForTileRows(int n, Use&& use) {
  MemoryFence();
  for (int r = 0; r < n; r += 32) {
    const int rows = n - r < 32 ? n - r : 32;
    if (rows % 16 != 0) _tile_loadconfig(&kTileConfigs[rows]);
    if (rows > 16) {
      use.template operator()<true>(r);
    } else {
      use.template operator()<false>(r);
    }
    if (rows % 16 != 0) _tile_loadconfig(&kTileConfigs[16]);
  }
  MemoryFence();
}

/// One column tile of scores, into accumulators 0 and 1 or, kOdd, 2 and 3.
template <bool kBoth, bool kOdd>
inline void ScoreColumn(const TileShape& s, const std::byte* a, const std::byte* b, Prefetch& prefetch) {
  const std::byte* a_second = kBoth ? a + 16 * s.a_stride : a;
  if constexpr (kOdd) {
    if constexpr (kBoth) _tile_zero(2);
    _tile_zero(3);
  } else {
    if constexpr (kBoth) _tile_zero(0);
    _tile_zero(1);
  }
  for (int k = 0; k < s.depth; k += 32) {
    prefetch.Part();
    _tile_loadd(6, b + k / 2 * s.b_stride, s.b_stride);
    _tile_loadd(5, a_second + 2 * k, s.a_stride);
    if constexpr (kBoth) _tile_loadd(4, a + 2 * k, s.a_stride);
    if constexpr (kOdd) {
      _tile_dpbf16ps(3, 5, 6);
      if constexpr (kBoth) _tile_dpbf16ps(2, 4, 6);
    } else {
      _tile_dpbf16ps(1, 5, 6);
      if constexpr (kBoth) _tile_dpbf16ps(0, 4, 6);
    }
  }
}

template <bool kBoth, bool kOdd>
inline void StoreColumn(const TileShape& s, std::byte* c) {
  std::byte* c_second = kBoth ? c + 16 * s.c_stride : c;
  if constexpr (kOdd) {
    if constexpr (kBoth) _tile_stored(2, c, s.c_stride);
    _tile_stored(3, c_second, s.c_stride);
  } else {
    if constexpr (kBoth) _tile_stored(0, c, s.c_stride);
    _tile_stored(1, c_second, s.c_stride);
  }
}

/// Scores of a run: a column is stored while the next is multiplied.
void ScoreByTiles(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  const TileShape shape{
      .depth = rows.dim, .a_stride = rows.query_stride, .b_stride = kKeyBlock * 4, .c_stride = kScoreStride * 4};
  const int64_t block_bytes = int64_t{kKeyBlock} * rows.dim * 2;
  const int columns = keys.count * (kKeyBlock / 16);
  Prefetch prefetch(ahead, (rows.count + 31) / 32 * columns * (rows.dim / 32));
  ForTileRows(rows.count, [&]<bool kBoth>(int r) {
    const std::byte* a = rows.queries + r * shape.a_stride;
    std::byte* c = reinterpret_cast<std::byte*>(rows.scores + keys.first * kKeyBlock) + r * shape.c_stride;
    const auto b = [&](int column) { return keys.data + column / 4 * block_bytes + column % 4 * 64; };
    for (int i = 0; i < columns; i += 2) {
      ScoreColumn<kBoth, false>(shape, a, b(i), prefetch);
      if (i > 0) StoreColumn<kBoth, true>(shape, c + (i - 1) * 64);
      ScoreColumn<kBoth, true>(shape, a, b(i + 1), prefetch);
      StoreColumn<kBoth, false>(shape, c + i * 64);
    }
    StoreColumn<kBoth, true>(shape, c + (columns - 1) * 64);
  });
}

/// Two column tiles of acc += P * V: accumulators 0, 1 of the first column, 2, 3 of the second.
template <bool kBoth>
inline void AccumulateColumns(const TileShape& s, const std::byte* a, const std::byte* b, std::byte* c,
                              Prefetch& prefetch) {
  const std::byte* a_second = kBoth ? a + 16 * s.a_stride : a;
  std::byte* c_second = kBoth ? c + 16 * s.c_stride : c;
  if constexpr (kBoth) _tile_loadd(0, c, s.c_stride);
  _tile_loadd(1, c_second, s.c_stride);
  if constexpr (kBoth) _tile_loadd(2, c + 64, s.c_stride);
  _tile_loadd(3, c_second + 64, s.c_stride);
  for (int k = 0; k < s.depth; k += 32) {
    const std::byte* row = b + k / 2 * s.b_stride;
    prefetch.Part();
    _tile_loadd(6, row, s.b_stride);
    _tile_loadd(5, a_second + 2 * k, s.a_stride);
    if constexpr (kBoth) _tile_loadd(4, a + 2 * k, s.a_stride);
    _tile_loadd(7, row + 64, s.b_stride);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (kBoth) _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(3, 5, 7);
    if constexpr (kBoth) _tile_dpbf16ps(2, 4, 7);
  }
  if constexpr (kBoth) _tile_stored(0, c, s.c_stride);
  _tile_stored(1, c_second, s.c_stride);
  if constexpr (kBoth) _tile_stored(2, c + 64, s.c_stride);
  _tile_stored(3, c_second + 64, s.c_stride);
}

void AccumulateByTiles(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  const TileShape shape{.depth = values.count * kKeyBlock,
                        .a_stride = Bf16Probabilities::kStride * 2,
                        .b_stride = int64_t{rows.dim} * 4,
                        .c_stride = int64_t{rows.dim} * 4};
  Prefetch prefetch(ahead, (rows.count + 31) / 32 * (shape.depth / 32) * (rows.dim / 32));
  ForTileRows(rows.count, [&]<bool kBoth>(int r) {
    const auto* a = reinterpret_cast<const std::byte*>(Bf16Probabilities::Of(rows, values.first));
    auto* c = reinterpret_cast<std::byte*>(rows.acc);
    for (int col = 0; col < rows.dim; col += 32) {
      AccumulateColumns<kBoth>(shape, a + r * shape.a_stride, values.data + int64_t{col} * 4,
                               c + r * shape.c_stride + int64_t{col} * 4, prefetch);
    }
  });
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
