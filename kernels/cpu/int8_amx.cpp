#include <algorithm>

#include "kernels/cpu/simd_int8_avx512.h"

#include "kernels/cpu/int8_sums.h"
#include "kernels/cpu/int8_unpack.h"

namespace longshot {
namespace {

/// Rows of a block: what one tile register holds.
constexpr int kBlockRows = 16;
static_assert(kReadableRows % kBlockRows == 0);
/// Rows whose sums are in registers at once, 8 by 32 outputs: 16 of 32.
constexpr int kSumRows = 8;
/// Up to here the vector kernels are faster: tiles cost the same however few their rows, and eight bits, which vectors
/// read as they are packed, would be copied for them.
constexpr int kFewRows = 10, kFewRowsOfBytes = 24;
/// Groups unpacked at a time: they, their dots and rows stay well within the first-level cache. Tiles that miss it cost
/// two to four times as much (18 groups instead of 6: 110 nanoseconds a group of 16 rows instead of 56).
constexpr int kChunkGroups = 6;
constexpr int kGroupDots = kBlockRows * kTileOutputs;

/// Tile registers: accumulators 0 and 1 for the two halves of the outputs, or 2 and 3 for every other group; A in 4 or
/// 5; B in 6 and 7.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, kGroupInputs, kGroupInputs, 64, 64};
  uint8_t rows[16] = {kBlockRows, kBlockRows, kBlockRows, kBlockRows, kBlockRows, kBlockRows, kQuads, kQuads};
};

/// In static memory: GCC 12 believes that the instruction reads 8 bytes.
constexpr TileConfig kTileConfig;

void EnterTiles(int64_t rows) {
  if (rows > kFewRows) _tile_loadconfig(&kTileConfig);
}
void LeaveTiles() { _tile_release(); }

/// The instructions on tiles do not tell GCC 12 what memory they touch.
inline void MemoryFence() { __asm__ volatile("" ::: "memory"); }

/// Dots of a block and a group into accumulators. a: quants of the rows, `a_stride` apart; b: quads of the group.
template <bool kOdd>
inline void MultiplyGroup(const int8_t* a, int64_t a_stride, const std::byte* b) {
  constexpr int kQuadBytes = 2 * kLineBytes;
  _tile_loadd(6, b, kQuadBytes);
  _tile_loadd(7, b + kLineBytes, kQuadBytes);
  if constexpr (kOdd) {
    _tile_loadd(5, a, a_stride);
    _tile_zero(2);
    _tile_dpbssd(2, 5, 6);
    _tile_zero(3);
    _tile_dpbssd(3, 5, 7);
  } else {
    _tile_loadd(4, a, a_stride);
    _tile_zero(0);
    _tile_dpbssd(0, 4, 6);
    _tile_zero(1);
    _tile_dpbssd(1, 4, 7);
  }
}

template <bool kOdd>
inline void StoreGroup(int32_t* dots) {
  constexpr int kRowBytes = kTileOutputs * 4;
  if constexpr (kOdd) {
    _tile_stored(2, dots, kRowBytes);
    _tile_stored(3, dots + 16, kRowBytes);
  } else {
    _tile_stored(0, dots, kRowBytes);
    _tile_stored(1, dots + 16, kRowBytes);
  }
}

/// What a chunk is unpacked to: types without minima, a scale per 32 inputs, look alike.
using Tile = UnpackedTile<DType::kQ4_0>;

/// The unpacked groups of a chunk, and the block of rows that goes with them.
struct Chunk {
  Tile tile;
  int64_t groups;
  Int8Rows rows;  ///< from the chunk's first group on
  bool begin;     ///< sums begin here
  /// Packed bytes of later groups, asked for group by group; nullptr: nothing to ask for.
  const std::byte* ahead = nullptr;
  int ahead_bytes = 0;  ///< per group

  /// dots: [groups, kBlockRows, kTileOutputs]. A group is stored while the next is multiplied.
  void Multiply(int32_t* dots) const {
    const auto multiply = [&]<bool kOdd>(int64_t g) {
      MultiplyGroup<kOdd>(rows.quants + g * kGroupInputs, rows.inputs, tile.tile + g * Tile::kGroupBytes);
    };
    MemoryFence();
    multiply.template operator()<false>(0);
    for (int64_t g = 0; g < groups; g += 2) {
      if (g + 1 < groups) multiply.template operator()<true>(g + 1);
      StoreGroup<false>(dots + g * kGroupDots);
      if (g + 2 < groups) multiply.template operator()<false>(g + 2);
      if (g + 1 < groups) StoreGroup<true>(dots + (g + 1) * kGroupDots);
    }
    MemoryFence();
  }
};

/// Adds the dots of a chunk to the sums of its first kRows rows.
template <int kRows>
[[gnu::noinline]] void AddRows(const Chunk& chunk, const int32_t* dots, float* out) {
  RowSums<Tile, kRows, 2> sums;
  sums.Load(chunk.begin ? nullptr : out);
  Tile tile = chunk.tile;
  Int8Rows rows = chunk.rows;
  for (int64_t g = 0; g < chunk.groups; ++g, rows = rows.From(0, 1), dots += kGroupDots) {
    tile.Seek(g);
    if (chunk.ahead != nullptr) Prefetch(chunk.ahead + g * chunk.ahead_bytes, chunk.ahead_bytes);
    I32x16 dot[kRows][2];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      dot[r][0] = I32x16::Load(dots + r * kTileOutputs);
      dot[r][1] = I32x16::Load(dots + r * kTileOutputs + 16);
    }
    sums.Add(dot, tile, 0, rows, 0);
  }
  sums.Store(out);
}

template <int kRows = kSumRows>
inline void AddCount(int64_t count, const Chunk& chunk, const int32_t* dots, float* out) {
  if (count == kRows) return AddRows<kRows>(chunk, dots, out);
  if constexpr (kRows > 1) AddCount<kRows - 1>(count, chunk, dots, out);
}

/// The block of `count` rows that chunk.rows begins with.
void MultiplyBlock(Chunk chunk, int64_t count, int32_t* dots, float* out) {
  chunk.Multiply(dots);
  for (int64_t r = 0, passes = (count + kSumRows - 1) / kSumRows; r < count;) {
    const int64_t n = (count - r) / passes--;
    AddCount(n, chunk, dots + r * kTileOutputs, out + r * kTileOutputs);
    chunk.rows = chunk.rows.From(n, 0);
    chunk.ahead = nullptr;
    r += n;
  }
}

template <DType type>
void MultiplyTile(const TileProduct& p) {
  constexpr TileLayout kLayout(type);
  if (p.count <= (kLayout.format.bits == 8 ? kFewRowsOfBytes : kFewRows)) {
    return Avx512VnniInt8().multiply[static_cast<int>(type)](p);
  }
  static_assert(!kLayout.format.has_minimum && UnpackedTile<type>::kGroupBytes == Tile::kGroupBytes);
  constexpr int kUnpackedBytes = kChunkGroups * Tile::kGroupBytes;
  static_assert(kUnpackedBytes + kChunkGroups * kGroupDots * 4 <= kTileScratchBytes);
  auto* dots = reinterpret_cast<int32_t*>(p.scratch + kUnpackedBytes);
  const int64_t groups = p.rows.groups();
  for (int64_t first = 0; first < groups; first += kChunkGroups) {
    const int64_t count = std::min<int64_t>(kChunkGroups, groups - first);
    Unpack<true>(PackedTile<type>{p.tile}, first, count, UnpackedTile<type>{p.scratch});
    for (int64_t row = 0; row < p.count; row += kBlockRows) {
      const Chunk chunk{.tile = {p.scratch},
                        .groups = count,
                        .rows = p.rows.From(row, first),
                        .begin = first == 0,
                        .ahead = row == 0 ? p.tile + kLayout.group_offset(first + count) : nullptr,
                        .ahead_bytes = kLayout.group_bytes()};
      MultiplyBlock(chunk, std::min<int64_t>(kBlockRows, p.count - row), dots, p.out + row * kTileOutputs);
    }
  }
}

}  // namespace

const Int8Kernels& AmxInt8() {
  // All others stay with vectors, see the README.
  static const Int8Kernels kernels = [] {
    Int8Kernels set = Avx512VnniInt8();
    set.enter = EnterTiles, set.leave = LeaveTiles;
    const auto use = [&](DType type, Int8Kernels::Multiply multiply) {
      set.multiply[static_cast<int>(type)] = multiply;
    };
    use(DType::kQ4_0, MultiplyTile<DType::kQ4_0>);
    use(DType::kQ5_0, MultiplyTile<DType::kQ5_0>);
    use(DType::kQ8_0, MultiplyTile<DType::kQ8_0>);
    return set;
  }();
  return kernels;
}

}  // namespace longshot
