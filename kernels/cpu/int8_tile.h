#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stored_group.h"

/// The layout of weights kept as stored: tiles of 32 outputs by all inputs, each tile of one block type and one after
/// the other in memory. A tile is a run of blocks, one per group of 32 inputs (or per super-block of 8 groups):
///
///   header   super-blocks only: f16 scale [32], then f16 minimum [32] where the type has one
///   groups   quants, then scales [32] and minima [32]: f16, or 8-bit integers in super-blocks ([2][32] by halves)
///
/// Quants of 16 outputs and 4 inputs ("quad" t, inputs 4 t to 4 t + 3) make one vector of 64 bytes, byte 4 o + i for
/// output o: what an instruction that adds four products of bytes per lane reads. Their bits lie in planes of 4, 2 and
/// 1 bits, lowest first, each plane [2 halves of the outputs][vectors]: a byte of the 4-bit plane's vector j holds
/// quads j and j + 4, of the 2-bit plane's vector j quads 4 j to 4 j + 3, of the 1-bit plane all eight. Eight bits are
/// eight vectors.
namespace longshot {

inline constexpr int kTileOutputs = 32;
inline constexpr int kQuads = kGroupInputs / 4;
/// Bytes that start on a cache line wherever tiles do.
inline constexpr int kLineBytes = 64;

struct TileLayout {
  StoredFormat format;

  constexpr explicit TileLayout(DType type) : format(FormatOf(type)) {}

  constexpr int groups_per_block() const { return format.super_blocks ? 8 : 1; }
  constexpr int tables() const { return format.has_minimum ? 2 : 1; }
  /// Bytes of one table of f16 or of integers, one entry per output.
  constexpr int half_table() const { return kTileOutputs * 2; }
  constexpr int group_table() const {
    return format.super_blocks ? kTileOutputs * (format.halves ? 2 : 1) : half_table();
  }
  constexpr int header_bytes() const { return format.super_blocks ? tables() * half_table() : 0; }
  constexpr int quant_bytes() const { return kTileOutputs * kGroupInputs / 8 * format.bits; }
  constexpr int group_bytes() const { return quant_bytes() + tables() * group_table(); }
  constexpr int block_bytes() const { return header_bytes() + groups_per_block() * group_bytes(); }

  constexpr int64_t tile_bytes(int64_t inputs) const {
    return inputs / kGroupInputs / groups_per_block() * block_bytes();
  }
  /// Where group g begins in a tile.
  constexpr int64_t group_offset(int64_t g) const {
    return g / groups_per_block() * block_bytes() + header_bytes() + g % groups_per_block() * group_bytes();
  }
  constexpr int64_t header_offset(int64_t g) const { return g / groups_per_block() * block_bytes(); }

  /// The plane of `kPlaneBits` bits begins here in the quants; planes above 2^low_bits follow.
  constexpr int plane_offset(int low_bits) const { return kTileOutputs * kGroupInputs / 8 * low_bits; }
};

/// Rows of a product, rounded to 8 bits per group of 32 inputs: x = scale * quant. G groups a row.
struct Int8Rows {
  int8_t* quants = nullptr;              ///< [T, inputs], -127 to 127
  float* scales = nullptr;               ///< [T, G]; NaN where the group held one
  float* scaled_sums = nullptr;          ///< [T, G], scale * sum of the quants
  int32_t* negated_half_sums = nullptr;  ///< [T, 2 G], -(sum of 16 quants)
  int64_t inputs = 0;

  int64_t groups() const { return inputs / kGroupInputs; }
  /// From row `row` and group `group` on.
  Int8Rows From(int64_t row, int64_t group) const {
    const int64_t at = row * groups() + group;
    return {quants + at * kGroupInputs, scales + at, scaled_sums + at, negated_half_sums + 2 * at, inputs};
  }
};

/// Rows one call of a kernel takes: what it unpacks of a tile serves all of them.
inline constexpr int64_t kMostTileRows = 128;
/// The quants of a call's rows are readable up to the next multiple of this many rows; what stands there is ignored.
inline constexpr int64_t kReadableRows = 16;

/// One tile times up to `kMostTileRows` rows.
struct TileProduct {
  const std::byte* tile = nullptr;
  Int8Rows rows;
  int64_t count = 0;             ///< rows
  float* out = nullptr;          ///< [count, kTileOutputs]
  std::byte* scratch = nullptr;  ///< kTileScratchBytes, 64-byte aligned
};
inline constexpr int64_t kTileScratchBytes = 48 << 10;

/// Products over weights as stored, one set per instruction set. All sets give the same bits, for a row t and output o
/// over the groups g in ascending order, each exact integer dot first:
///   f = fma(float(dot), weight scale * row scale, f), then f = fma(minimum, scaled sum, f) where there are minima;
/// by halves of the group where the type's scales go by halves.
struct Int8Kernels {
  using Multiply = void (*)(const TileProduct& product);

  /// Rounds the row x [inputs] into row 0 of `rows`.
  void (*quantize)(const float* x, const Int8Rows& rows) = nullptr;
  Multiply multiply[13] = {};  ///< by DType; nullptr where it is no block type
  /// A worker enters before its products over `rows` rows or fewer and leaves after; nullptr: nothing to do.
  void (*enter)(int64_t rows) = nullptr;
  void (*leave)() = nullptr;
};

const Int8Kernels& Avx2Int8();
const Int8Kernels& AvxVnniInt8();
const Int8Kernels& Avx512VnniInt8();
const Int8Kernels& AmxInt8();  ///< needs AVX-512 VNNI too: few rows go there

}  // namespace longshot
