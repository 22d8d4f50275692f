#pragma once

#include <array>

#include "kernels/cpu/attention_rows.h"

/// How products go through the tiles of AMX, included after a simd_*.h by files compiled for it.
namespace longshot {
namespace {

/// Tile registers: accumulators 0 to 3, A in 4 and 5, B in 6 and 7. Rows go in twos of 16: the second 16 of a pass, or
/// its only ones, in 1, 3 and 5, which are configured to have as many rows as there are. All others are full, 16 rows
/// of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr std::array<TileConfig, 17> MakeConfigs() {
  std::array<TileConfig, 17> configs;
  for (uint8_t rows = 1; rows <= 16; ++rows) {
    for (const int tile : {1, 3, 5}) configs[rows].rows[tile] = rows;
  }
  return configs;
}

/// By rows of the second tiles. In static memory: GCC 12 believes that the instruction reads 8 bytes and would drop the
/// rest of a local.
constexpr std::array<TileConfig, 17> kTileConfigs = MakeConfigs();

/// The instructions on tiles do not tell GCC 12 what memory they touch.
inline void MemoryFence() { __asm__ volatile("" ::: "memory"); }

/// C of up to 32 rows of A times B, `steps` times 64 bytes of a row of A and as many rows of tiles of B; in bytes.
struct TileShape {
  int steps;
  int64_t a_stride, b_stride, c_stride;
};

/// C += A * B of three tiles, each row of A pairs of bf16 or quads of signed bytes.
struct Bf16Tiles {
  template <int kC, int kA, int kB>
  static void Dot() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
};
struct Int8Tiles {
  template <int kC, int kA, int kB>
  static void Dot() {
    __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
};

/// Calls use.template operator()<kBoth>(first row) for every two tiles of rows; kBoth: not only the second. The second
/// tiles have the rows that are left. REQUIRES: `EnterTiles`.
template <class Use>
inline void ForTileRows(int n, Use&& use) {
  MemoryFence();
  for (int r = 0; r < n; r += 32) {
    const int rows = n - r < 32 ? n - r : 32, last = (rows - 1) % 16 + 1;
    if (last != 16) _tile_loadconfig(&kTileConfigs[last]);
    if (rows > 16) {
      use.template operator()<true>(r);
    } else {
      use.template operator()<false>(r);
    }
    if (last != 16) _tile_loadconfig(&kTileConfigs[16]);
  }
  MemoryFence();
}

/// One column tile of scores, into accumulators 0 and 1 or, kOdd, 2 and 3.
template <class Tiles, bool kBoth, bool kOdd>
inline void ScoreColumn(const TileShape& s, const std::byte* a, const std::byte* b, Prefetch& prefetch) {
  const std::byte* a_second = kBoth ? a + 16 * s.a_stride : a;
  if constexpr (kOdd) {
    if constexpr (kBoth) _tile_zero(2);
    _tile_zero(3);
  } else {
    if constexpr (kBoth) _tile_zero(0);
    _tile_zero(1);
  }
  for (int step = 0; step < s.steps; ++step) {
    prefetch.Part();
    _tile_loadd(6, b + 16 * step * s.b_stride, s.b_stride);
    _tile_loadd(5, a_second + 64 * step, s.a_stride);
    if constexpr (kBoth) _tile_loadd(4, a + 64 * step, s.a_stride);
    if constexpr (kOdd) {
      Tiles::template Dot<3, 5, 6>();
      if constexpr (kBoth) Tiles::template Dot<2, 4, 6>();
    } else {
      Tiles::template Dot<1, 5, 6>();
      if constexpr (kBoth) Tiles::template Dot<0, 4, 6>();
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

/// Products of rows `r` on with the keys of a run, where the scores will be: a column is stored while the next is
/// multiplied.
template <class Tiles, bool kBoth>
inline void ScoreRun(const SoftmaxRows& rows, int r, int steps, const BlockRun& keys, int64_t block_bytes,
                     Prefetch& prefetch) {
  const TileShape shape{
      .steps = steps, .a_stride = rows.query_stride, .b_stride = kKeyBlock * 4, .c_stride = kScoreStride * 4};
  const int columns = keys.count * (kKeyBlock / 16);
  const std::byte* a = rows.queries + r * shape.a_stride;
  std::byte* c = reinterpret_cast<std::byte*>(rows.scores + keys.first * kKeyBlock) + r * shape.c_stride;
  const auto b = [&](int column) { return keys.data + column / 4 * block_bytes + column % 4 * 64; };
  for (int i = 0; i < columns; i += 2) {
    ScoreColumn<Tiles, kBoth, false>(shape, a, b(i), prefetch);
    if (i > 0) StoreColumn<kBoth, true>(shape, c + (i - 1) * 64);
    ScoreColumn<Tiles, kBoth, true>(shape, a, b(i + 1), prefetch);
    StoreColumn<kBoth, false>(shape, c + i * 64);
  }
  StoreColumn<kBoth, true>(shape, c + (columns - 1) * 64);
}

/// Parts of a prefetch over a product of n rows: as many as it asks for.
inline Prefetch PrefetchOverSteps(const Ahead& ahead, int n, int columns, int steps) {
  return Prefetch(ahead, (n + 31) / 32 * columns * steps);
}

}  // namespace
}  // namespace longshot
