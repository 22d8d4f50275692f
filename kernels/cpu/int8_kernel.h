#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/cpu/int8_sums.h"
#include "kernels/cpu/int8_unpack.h"

/// Bodies of `Int8Kernels`, included by the files compiled for one instruction set. Such a file
/// defines before
///   TileRows(bits)               most rows whose sums one pass over a tile keeps in registers
///   TileHalves(rows, bits)       halves of the tile that such a pass takes
///   kFewRows                     up to here a tile is decoded while it is multiplied; beyond, it is unpacked first
///   Dots<kBits, kCount>          an exact sum of products of 16 outputs over kCount quads:
///     Begin(start)               where the sum begins
///     Add<kNumber>(quads, x)     adds four products per lane, quads [16][4] of kBits unsigned bits, x 4 signed bytes
///                                in every lane; kNumber counts the calls from 0
///     Total()                    the sum, behind the last call
namespace longshot {
namespace {

/// Groups unpacked at a time: they stay in the first-level cache beside the rows.
constexpr int kChunkGroups = 24;

/// Sums of kRows rows and 16 kHalves outputs, from output half `first_half` on.
template <class Tile, int kRows, int kHalves>
struct RowTile {
  static constexpr StoredFormat kFormat = Tile::kFormat;
  static constexpr int kParts = kFormat.halves ? 2 : 1;
  static constexpr int kPartQuads = kQuads / kParts;

  Dots<Tile::kBits, kPartQuads> dots[kRows][kHalves];
  RowSums<Tile, kRows, kHalves> sums;

  template <int kQuad, int kNumber>
  [[gnu::always_inline]] void AddQuad(const Tile& tile, const Int8Rows& rows, int first_half) {
    U8x64 quads[kHalves];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) quads[h] = tile.template Quad<kQuad>(first_half + h);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      std::memcpy(&four, rows.quants + r * rows.inputs + 4 * kQuad, sizeof four);
      const I32x16 x = I32x16::Set(four);
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) dots[r][h].template Add<kNumber>(quads[h], x);
    }
  }

  /// Quads first .. first + count / 2, each followed by its partner in the same packed vector.
  template <int kFirst, int kCount>
  [[gnu::always_inline]] void AddQuads(const Tile& tile, const Int8Rows& rows, int first_half) {
    if constexpr (kParts == 2) {
      if constexpr (kCount > 0) {
        AddQuad<kFirst, kPartQuads - kCount>(tile, rows, first_half);
        AddQuads<kFirst + 1, kCount - 1>(tile, rows, first_half);
      }
    } else if constexpr (kCount > 0) {
      AddQuad<kFirst, kPartQuads - kCount>(tile, rows, first_half);
      AddQuad<kFirst + 4, kPartQuads - kCount + 1>(tile, rows, first_half);
      AddQuads<kFirst + 1, kCount - 2>(tile, rows, first_half);
    }
  }

  template <int kPart>
  [[gnu::always_inline]] void AddPart(const Tile& tile, const Int8Rows& rows, int first_half) {
    const int64_t groups = rows.groups();
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      I32x16 start = I32x16::Set(0);
      if constexpr (!kFormat.has_minimum) {
        const int32_t* sums = rows.negated_half_sums + 2 * r * groups;
        start = ShiftLeft<kFormat.offset_bits>(I32x16::Set(kParts == 2 ? sums[kPart] : sums[0] + sums[1]));
      }
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) dots[r][h].Begin(start);
    }
    AddQuads<kPart * kPartQuads, kPartQuads>(tile, rows, first_half);
    I32x16 dot[kRows][kHalves];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) dot[r][h] = dots[r][h].Total();
    }
    sums.Add(dot, tile, kPart, rows, first_half);
  }
};

/// Adds `groups` groups of the tile to kRows rows of out, or begins them.
template <class Tile, int kRows>
[[gnu::noinline]] void MultiplyRows(Tile tile, int64_t groups, Int8Rows rows, bool begin, bool prefetch, float* out) {
  constexpr int kHalves = TileHalves(kRows, Tile::kBits);
  for (int half = 0; half < 2; half += kHalves) {
    RowTile<Tile, kRows, kHalves> row_tile;
    row_tile.sums.Load(begin ? nullptr : out + 16 * half);
    Int8Rows at = rows;
    for (int64_t g = 0; g < groups; ++g, at = at.From(0, 1)) {
      tile.Seek(g);
      if (prefetch && half == 0) tile.PrefetchAhead();
      row_tile.template AddPart<0>(tile, at, half);
      if constexpr (Tile::kFormat.halves) row_tile.template AddPart<1>(tile, at, half);
    }
    row_tile.sums.Store(out + 16 * half);
  }
}

template <class Tile, int kRows>
inline void MultiplyCount(int64_t count, const Tile& tile, int64_t groups, const Int8Rows& rows, bool begin,
                          bool prefetch, float* out) {
  if (count == kRows) return MultiplyRows<Tile, kRows>(tile, groups, rows, begin, prefetch, out);
  if constexpr (kRows > 1) MultiplyCount<Tile, kRows - 1>(count, tile, groups, rows, begin, prefetch, out);
}

/// All rows in register tiles of nearly equal size; the first one asks for what comes next.
template <class Tile>
inline void MultiplyAllRows(const Tile& tile, int64_t groups, const Int8Rows& rows, int64_t count, bool begin,
                            float* out) {
  constexpr int kTileRows = TileRows(Tile::kBits);
  int64_t tiles = (count + kTileRows - 1) / kTileRows;
  for (int64_t r = 0; r < count;) {
    const int64_t n = (count - r) / tiles--;
    MultiplyCount<Tile, kTileRows>(n, tile, groups, rows.From(r, 0), begin, r == 0, out + r * kTileOutputs);
    r += n;
  }
}

template <DType type>
void MultiplyTile(const TileProduct& p) {
  const int64_t groups = p.rows.groups();
  const PackedTile<type> packed{p.tile};
  if (p.count <= kFewRows || FormatOf(type).bits == 8) {
    return MultiplyAllRows(packed, groups, p.rows, p.count, true, p.out);
  }
  for (int64_t first = 0; first < groups; first += kChunkGroups) {
    const int64_t count = std::min<int64_t>(kChunkGroups, groups - first);
    UnpackedTile<type> unpacked{p.scratch};
    static_assert(kChunkGroups * unpacked.kGroupBytes <= kTileScratchBytes);
    Unpack<false>(packed, first, count, unpacked);
    unpacked.next = p.tile + TileLayout(type).group_offset(first + count);
    MultiplyAllRows(unpacked, count, p.rows.From(0, first), p.count, first == 0, p.out);
  }
}

/// Below this a group is zero: its reciprocal would overflow.
constexpr float kLeastMagnitude = 0x1p-120f;

void QuantizeRow(const float* x, const Int8Rows& to) {
  for (int64_t g = 0; g < to.groups(); ++g) {
    const F32x16 a = F32x16::Load(x + g * kGroupInputs), b = F32x16::Load(x + g * kGroupInputs + 16);
    const float magnitude = ReduceMaxMagnitude(a, b);
    const bool zero = magnitude < kLeastMagnitude;
    const F32x16 inverse = F32x16::Set(zero ? 0.0f : 127.0f / magnitude);
    const int32_t first = StoreRounded(a * inverse, to.quants + g * kGroupInputs);
    const int32_t second = StoreRounded(b * inverse, to.quants + g * kGroupInputs + 16);
    to.scales[g] = zero ? 0.0f : magnitude / 127.0f;
    to.scaled_sums[g] = to.scales[g] * static_cast<float>(first + second);
    to.negated_half_sums[2 * g] = -first;
    to.negated_half_sums[2 * g + 1] = -second;
  }
}

Int8Kernels MakeInt8Kernels() {
  Int8Kernels kernels{.quantize = QuantizeRow};
  const auto set = [&](DType type, Int8Kernels::Multiply multiply) {
    kernels.multiply[static_cast<int>(type)] = multiply;
  };
  set(DType::kQ4_0, MultiplyTile<DType::kQ4_0>);
  set(DType::kQ4_1, MultiplyTile<DType::kQ4_1>);
  set(DType::kQ5_0, MultiplyTile<DType::kQ5_0>);
  set(DType::kQ5_1, MultiplyTile<DType::kQ5_1>);
  set(DType::kQ8_0, MultiplyTile<DType::kQ8_0>);
  set(DType::kQ2_K, MultiplyTile<DType::kQ2_K>);
  set(DType::kQ3_K, MultiplyTile<DType::kQ3_K>);
  set(DType::kQ4_K, MultiplyTile<DType::kQ4_K>);
  set(DType::kQ5_K, MultiplyTile<DType::kQ5_K>);
  set(DType::kQ6_K, MultiplyTile<DType::kQ6_K>);
  return kernels;
}

}  // namespace
}  // namespace longshot
