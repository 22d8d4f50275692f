#include "kernels/cpu/simd_avx512.h"

namespace longshot {
namespace {
constexpr int kProductRows = 6, kProductVectors = 4;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/bf16_rows.h"
#include "kernels/cpu/amx_tiles.h"

namespace longshot {
namespace {

void EnterTiles() { _tile_loadconfig(&kTileConfigs[16]); }
void LeaveTiles() { _tile_release(); }

void ScoreByTiles(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  const int steps = rows.dim / 32;
  Prefetch prefetch = PrefetchOverSteps(ahead, rows.count, keys.count * (kKeyBlock / 16), steps);
  ForTileRows(rows.count, [&]<bool kBoth>(int r) {
    ScoreRun<Bf16Tiles, kBoth>(rows, r, steps, keys, int64_t{kKeyBlock} * rows.dim * 2, prefetch);
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
  for (int step = 0; step < s.steps; ++step) {
    const std::byte* row = b + 16 * step * s.b_stride;
    prefetch.Part();
    _tile_loadd(6, row, s.b_stride);
    _tile_loadd(5, a_second + 64 * step, s.a_stride);
    if constexpr (kBoth) _tile_loadd(4, a + 64 * step, s.a_stride);
    _tile_loadd(7, row + 64, s.b_stride);
    Bf16Tiles::Dot<1, 5, 6>();
    if constexpr (kBoth) Bf16Tiles::Dot<0, 4, 6>();
    Bf16Tiles::Dot<3, 5, 7>();
    if constexpr (kBoth) Bf16Tiles::Dot<2, 4, 7>();
  }
  if constexpr (kBoth) _tile_stored(0, c, s.c_stride);
  _tile_stored(1, c_second, s.c_stride);
  if constexpr (kBoth) _tile_stored(2, c + 64, s.c_stride);
  _tile_stored(3, c_second + 64, s.c_stride);
}

void AccumulateByTiles(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  const TileShape shape{.steps = values.count * kKeyBlock / 32,
                        .a_stride = Bf16Probabilities::kStride * 2,
                        .b_stride = int64_t{rows.dim} * 4,
                        .c_stride = int64_t{rows.dim} * 4};
  Prefetch prefetch = PrefetchOverSteps(ahead, rows.count, rows.dim / 32, shape.steps);
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
