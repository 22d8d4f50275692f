#pragma once

#include <immintrin.h>

#include <array>
#include <cstdint>

/// The tile registers of AMX as all kernels use them, included by files compiled for it.
namespace longshot {
namespace {

/// Tile registers: accumulators 0 to 3, A in 4 and 5, B in 6 and 7. Rows go in twos of 16: the second 16 of a pass, or
/// its only ones, in 1, 3 and 5, which are configured to have as many rows as there are; so are 0, 2 and 4 where 16
/// rows or fewer go by themselves. All others are full, 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr std::array<TileConfig, 33> MakeConfigs() {
  std::array<TileConfig, 33> configs;
  for (int rows = 1; rows <= 32; ++rows) {
    for (int tile = 0; tile < 6; ++tile) {
      if (rows <= 16 || tile % 2 == 1) configs[rows].rows[tile] = static_cast<uint8_t>((rows - 1) % 16 + 1);
    }
  }
  return configs;
}

/// By rows. In static memory: GCC 12 believes that the instruction reads 8 bytes and would drop the rest of a local.
constexpr std::array<TileConfig, 33> kTileConfigs = MakeConfigs();

/// The instructions on tiles do not tell GCC 12 what memory they touch.
inline void MemoryFence() { __asm__ volatile("" ::: "memory"); }

}  // namespace
}  // namespace longshot
