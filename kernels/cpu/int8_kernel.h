#pragma once

#include <xmmintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/cpu/int8_tile.h"

/// Bodies of `Int8Kernels`, included by the files compiled for one instruction set. Such a file
/// defines before
///   kTileRows, kTileHalves     rows and halves of a tile whose sums one pass keeps in registers
///   kFewRows                   up to here a tile is decoded while it is multiplied; beyond, it is unpacked first
///   Dot<kBits>(sum, quads, x)  sum + four products per lane: quads [16][4] of kBits unsigned bits, x 4 signed bytes
///                              in every lane. Exact.
namespace longshot {
namespace {

/// Groups unpacked at a time: they stay in the first-level cache beside the rows.
constexpr int kChunkGroups = 24;
/// How far ahead of its use a tile is asked for.
constexpr int kPrefetchBytes = 2560;

inline void Prefetch(const std::byte* p, int bytes) {
  for (int i = 0; i < bytes; i += kLineBytes) _mm_prefetch(reinterpret_cast<const char*>(p + i), _MM_HINT_T0);
}

/// A tile as it is packed: quads and scales are decoded where they are used.
template <DType type>
struct PackedTile {
  static constexpr TileLayout kLayout{type};
  static constexpr StoredFormat kFormat = kLayout.format;
  static constexpr int kBits = kFormat.bits;

  const std::byte* tile;
  const std::byte *header = nullptr, *group = nullptr;

  void Seek(int64_t g) {
    header = tile + kLayout.header_offset(g);
    group = tile + kLayout.group_offset(g);
  }
  void PrefetchAhead() const { Prefetch(group + kPrefetchBytes, kLayout.group_bytes()); }

  template <int kQuad>
  U8x64 Quad(int half) const {
    if constexpr (kBits == 8) return U8x64::Load(group + (half * 8 + kQuad) * kLineBytes);
    if constexpr (kBits == 4) return Low4<kQuad>(half);
    if constexpr (kBits == 5) return Low4<kQuad>(half) | One<kQuad, 4>(half);
    if constexpr (kBits == 6) return Low4<kQuad>(half) | Two<kQuad, 4>(half);
    if constexpr (kBits == 3) return Two<kQuad, 0>(half) | One<kQuad, 2>(half);
    if constexpr (kBits == 2) return Two<kQuad, 0>(half);
  }

  /// Of outputs 16 half on and inputs 16 part on.
  F32x16 Scale(int half, int part) const { return Table(0, half, part); }
  F32x16 Minimum(int half, int part) const { return Table(1, half, part); }

 private:
  template <int kQuad>
  U8x64 Low4(int half) const {
    return ShiftMasked < kQuad < 4 ? 0 : -4 > (U8x64::Load(group + (half * 4 + kQuad % 4) * kLineBytes), 0x0f);
  }
  /// Two bits of quad kQuad, shifted to bit `kTo`.
  template <int kQuad, int kTo>
  U8x64 Two(int half) const {
    const std::byte* plane = group + kLayout.plane_offset(kTo);
    return ShiftMasked<kTo - kQuad % 4 * 2>(U8x64::Load(plane + (half * 2 + kQuad / 4) * kLineBytes), 3 << kTo);
  }
  template <int kQuad, int kTo>
  U8x64 One(int half) const {
    const std::byte* plane = group + kLayout.plane_offset(kTo);
    return ShiftMasked<kTo - kQuad>(U8x64::Load(plane + half * kLineBytes), 1 << kTo);
  }

  static F32x16 Halves(const std::byte* p) { return F32x16::LoadF16(reinterpret_cast<const uint16_t*>(p)); }
  F32x16 Table(int index, int half, int part) const {
    const std::byte* table = group + kLayout.quant_bytes() + index * kLayout.group_table();
    if constexpr (!kFormat.super_blocks) return Halves(table + half * 32);
    const F32x16 sub = LoadI8(table + (kFormat.halves ? part * kTileOutputs : 0) + half * 16);
    return Halves(header + index * kLayout.half_table() + half * 32) * sub;
  }
};

/// Groups of a tile with every quant a byte and every scale an f32, as `Unpack` writes them.
template <DType type>
struct UnpackedTile {
  static constexpr StoredFormat kFormat = FormatOf(type);
  /// A decoded quant has kFormat.bits bits.
  static constexpr int kBits = kFormat.bits;
  static constexpr int kParts = kFormat.halves ? 2 : 1;
  static constexpr int kQuantBytes = kTileOutputs * kGroupInputs;
  static constexpr int kTable = kTileOutputs * 4;
  static constexpr int kGroupBytes = kQuantBytes + kParts * (kFormat.has_minimum ? 2 : 1) * kTable;
  static_assert(kChunkGroups * kGroupBytes <= kTileScratchBytes);

  std::byte* tile;
  const std::byte* next = nullptr;  ///< packed bytes to ask for meanwhile
  std::byte* group = nullptr;

  void Seek(int64_t g) { group = tile + g * kGroupBytes; }
  void PrefetchAhead() {
    if (next == nullptr) return;
    constexpr int kBytes = TileLayout(type).group_bytes();
    Prefetch(next, kBytes);
    next += kBytes;
  }
  std::byte* QuadAt(int quad, int half) const { return group + (quad * 2 + half) * kLineBytes; }
  float* TableAt(int index, int half, int part) const {
    return reinterpret_cast<float*>(group + kQuantBytes + (index * kParts + part) * kTable) + half * 16;
  }
  template <int kQuad>
  U8x64 Quad(int half) const {
    return U8x64::Load(QuadAt(kQuad, half));
  }
  F32x16 Scale(int half, int part) const { return F32x16::Load(TableAt(0, half, part)); }
  F32x16 Minimum(int half, int part) const { return F32x16::Load(TableAt(1, half, part)); }
};

template <int kQuad, DType type>
inline void UnpackQuads(const PackedTile<type>& from, const UnpackedTile<type>& to) {
  if constexpr (kQuad < kQuads) {
    for (int half = 0; half < 2; ++half) from.template Quad<kQuad>(half).Store(to.QuadAt(kQuad, half));
    UnpackQuads<kQuad + 1>(from, to);
  }
}

/// Decodes groups [first, first + count) into groups 0 .. of `to`.
template <DType type>
inline void Unpack(PackedTile<type> from, int64_t first, int64_t count, UnpackedTile<type> to) {
  for (int64_t g = 0; g < count; ++g) {
    from.Seek(first + g);
    to.Seek(g);
    UnpackQuads<0>(from, to);
    for (int part = 0; part < UnpackedTile<type>::kParts; ++part) {
      for (int half = 0; half < 2; ++half) {
        from.Scale(half, part).Store(to.TableAt(0, half, part));
        if constexpr (PackedTile<type>::kFormat.has_minimum) from.Minimum(half, part).Store(to.TableAt(1, half, part));
      }
    }
  }
}

/// Sums of kRows rows and 16 kHalves outputs, from output half `first_half` on.
template <class Tile, int kRows, int kHalves>
struct RowTile {
  static constexpr StoredFormat kFormat = Tile::kFormat;
  static constexpr int kParts = kFormat.halves ? 2 : 1;
  static constexpr int kPartQuads = kQuads / kParts;

  I32x16 dot[kRows][kHalves];
  F32x16 sum[kRows][kHalves];

  template <int kQuad>
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
      for (int h = 0; h < kHalves; ++h) dot[r][h] = Dot<Tile::kBits>(dot[r][h], quads[h], x);
    }
  }

  /// Quads first .. first + count / 2, each followed by its partner in the same packed vector.
  template <int kFirst, int kCount>
  [[gnu::always_inline]] void AddQuads(const Tile& tile, const Int8Rows& rows, int first_half) {
    if constexpr (kParts == 2) {
      if constexpr (kCount > 0) {
        AddQuad<kFirst>(tile, rows, first_half);
        AddQuads<kFirst + 1, kCount - 1>(tile, rows, first_half);
      }
    } else if constexpr (kCount > 0) {
      AddQuad<kFirst>(tile, rows, first_half);
      AddQuad<kFirst + 4>(tile, rows, first_half);
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
      for (int h = 0; h < kHalves; ++h) dot[r][h] = start;
    }
    AddQuads<kPart * kPartQuads, kPartQuads>(tile, rows, first_half);
    F32x16 scale[kHalves], minimum[kHalves];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      scale[h] = tile.Scale(first_half + h, kPart);
      if constexpr (kFormat.has_minimum) minimum[h] = tile.Minimum(first_half + h, kPart);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float row_scale = rows.scales[r * groups];
      const F32x16 x = F32x16::Set(row_scale);
      const float row_sum = kParts == 1
                                ? rows.scaled_sums[r * groups]
                                : row_scale * static_cast<float>(-rows.negated_half_sums[2 * r * groups + kPart]);
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
        sum[r][h] = Fma(dot[r][h].ToFloat(), scale[h] * x, sum[r][h]);
        if constexpr (kFormat.has_minimum) sum[r][h] = Fma(minimum[h], F32x16::Set(row_sum), sum[r][h]);
      }
    }
  }

  void Load(const float* out) {
    for (int r = 0; r < kRows; ++r) {
      for (int h = 0; h < kHalves; ++h) {
        sum[r][h] = out == nullptr ? F32x16::Zero() : F32x16::Load(out + r * kTileOutputs + 16 * h);
      }
    }
  }
  void Store(float* out) const {
    for (int r = 0; r < kRows; ++r) {
      for (int h = 0; h < kHalves; ++h) sum[r][h].Store(out + r * kTileOutputs + 16 * h);
    }
  }
};

/// Adds `groups` groups of the tile to kRows rows of out, or begins them.
template <class Tile, int kRows>
[[gnu::noinline]] void MultiplyRows(Tile tile, int64_t groups, Int8Rows rows, bool begin, bool prefetch, float* out) {
  for (int half = 0; half < 2; half += kTileHalves) {
    RowTile<Tile, kRows, kTileHalves> sums;
    sums.Load(begin ? nullptr : out + 16 * half);
    Int8Rows at = rows;
    for (int64_t g = 0; g < groups; ++g, at = at.From(0, 1)) {
      tile.Seek(g);
      if (prefetch && half == 0) tile.PrefetchAhead();
      sums.template AddPart<0>(tile, at, half);
      if constexpr (Tile::kFormat.halves) sums.template AddPart<1>(tile, at, half);
    }
    sums.Store(out + 16 * half);
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
    Unpack<type>(packed, first, count, unpacked);
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
