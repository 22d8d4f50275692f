#pragma once

#include <xmmintrin.h>

#include "kernels/cpu/int8_tile.h"

/// Tiles as they are packed and as bytes. Included by the files compiled for one instruction set, behind its
/// `simd_int8_*.h`.
namespace longshot {
namespace {

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

/// Groups of a tile with every quant a byte and every scale an f32, as `Unpack` writes them. Alike for types that agree
/// in minima and halves.
template <DType type>
struct UnpackedTile {
  static constexpr StoredFormat kFormat = FormatOf(type);
  /// A decoded quant has kFormat.bits bits.
  static constexpr int kBits = kFormat.bits;
  static constexpr int kParts = kFormat.halves ? 2 : 1;
  static constexpr int kQuantBytes = kTileOutputs * kGroupInputs;
  static constexpr int kTable = kTileOutputs * 4;
  static constexpr int kGroupBytes = kQuantBytes + kParts * (kFormat.has_minimum ? 2 : 1) * kTable;

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

template <int kQuad, bool kSigned, DType type>
inline void UnpackQuads(const PackedTile<type>& from, const UnpackedTile<type>& to) {
  if constexpr (kQuad < kQuads) {
    for (int half = 0; half < 2; ++half) {
      U8x64 quads = from.template Quad<kQuad>(half);
      if constexpr (kSigned) quads = quads - (1 << PackedTile<type>::kFormat.offset_bits);
      quads.Store(to.QuadAt(kQuad, half));
    }
    UnpackQuads<kQuad + 1, kSigned>(from, to);
  }
}

/// Decodes groups [first, first + count) into groups 0 .. of `to`; kSigned: the offset taken off, as signed bytes.
template <bool kSigned, DType type>
inline void Unpack(PackedTile<type> from, int64_t first, int64_t count, UnpackedTile<type> to) {
  for (int64_t g = 0; g < count; ++g) {
    from.Seek(first + g);
    to.Seek(g);
    UnpackQuads<0, kSigned>(from, to);
    for (int part = 0; part < UnpackedTile<type>::kParts; ++part) {
      for (int half = 0; half < 2; ++half) {
        from.Scale(half, part).Store(to.TableAt(0, half, part));
        if constexpr (PackedTile<type>::kFormat.has_minimum) from.Minimum(half, part).Store(to.TableAt(1, half, part));
      }
    }
  }
}

}  // namespace
}  // namespace longshot
