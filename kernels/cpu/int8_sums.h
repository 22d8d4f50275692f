#pragma once

#include "kernels/cpu/int8_tile.h"

/// The float half of a product, the same on every instruction set. Included behind a `simd_int8_*.h`.
namespace longshot {
namespace {

/// Sums of kRows rows and 16 kHalves outputs, kept in registers. `Tile` says the scales of outputs.
template <class Tile, int kRows, int kHalves>
struct RowSums {
  static constexpr StoredFormat kFormat = Tile::kFormat;

  F32x16 sum[kRows][kHalves];

  /// Adds the exact dots of the tile's group, or of half `part` of it; `rows` begins at that group.
  [[gnu::always_inline]] void Add(const I32x16 (&dot)[kRows][kHalves], const Tile& tile, int part, const Int8Rows& rows,
                                  int first_half) {
    const int64_t groups = rows.groups();
    F32x16 scale[kHalves], minimum[kHalves];
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
      scale[h] = tile.Scale(first_half + h, part);
      if constexpr (kFormat.has_minimum) minimum[h] = tile.Minimum(first_half + h, part);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float row_scale = rows.scales[r * groups];
      const F32x16 x = F32x16::Set(row_scale);
      const float row_sum = kFormat.halves
                                ? row_scale * static_cast<float>(-rows.negated_half_sums[2 * r * groups + part])
                                : rows.scaled_sums[r * groups];
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
        sum[r][h] = Fma(dot[r][h].ToFloat(), scale[h] * x, sum[r][h]);
        if constexpr (kFormat.has_minimum) sum[r][h] = Fma(minimum[h], F32x16::Set(row_sum), sum[r][h]);
      }
    }
  }

  /// out: [kRows, kTileOutputs], from the first of the outputs on; nullptr: zeros.
  void Load(const float* out) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
        sum[r][h] = out == nullptr ? F32x16::Zero() : F32x16::Load(out + r * kTileOutputs + 16 * h);
      }
    }
  }
  void Store(float* out) const {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) sum[r][h].Store(out + r * kTileOutputs + 16 * h);
    }
  }
};

}  // namespace
}  // namespace longshot
