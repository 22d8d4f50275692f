#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/q8_quads_avx512.h"

#include "kernels/cpu/q8_rows.h"

/// Rows go by 16, four accumulators at once, and vectors follow one block or pair of columns behind the tiles: what
/// they read has then been stored.
namespace longshot {
namespace {

/// Calls use(first row, rows) for every 16 rows. REQUIRES: `enter` of `AmxKernels`.
template <class Use>
inline void ForSixteens(int n, Use&& use) {
  for (int r = 0; r < n; r += 16) {
    const int count = n - r < 16 ? n - r : 16;
    if (count != 16) _tile_loadconfig(&kTileConfigs[count]);
    use(r, count);
    if (count != 16) _tile_loadconfig(&kTileConfigs[16]);
  }
}

inline void ZeroAccumulators() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

/// Products of 16 rows with a block of keys, where its scores will be.
inline void MultiplyKeys(const SoftmaxRows& rows, int r, const std::byte* keys, float* scores) {
  constexpr int64_t kKeyStride = kKeyBlock * 4, kStride = kScoreStride * 4;
  const std::byte* queries = rows.queries + int64_t{r} * rows.query_stride;
  ZeroAccumulators();
  for (int d = 0; d < rows.dim; d += 64, queries += 64, keys += 16 * kKeyStride) {
    _tile_loadd(4, queries, rows.query_stride);
    _tile_loadd(6, keys, kKeyStride);
    _tile_loadd(7, keys + 64, kKeyStride);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(6, keys + 128, kKeyStride);
    _tile_dpbssd(1, 4, 7);
    _tile_loadd(7, keys + 192, kKeyStride);
    _tile_dpbssd(2, 4, 6);
    _tile_dpbssd(3, 4, 7);
  }
  _tile_stored(0, scores, kStride);
  _tile_stored(1, scores + 16, kStride);
  _tile_stored(2, scores + 32, kStride);
  _tile_stored(3, scores + 48, kStride);
  MemoryFence();
}

/// Makes scores of these products.
inline void ScaleKeys(const SoftmaxRows& rows, int r, int count, const std::byte* keys, float* scores) {
  const float* key_scales = Q8Scales(keys, rows.dim);
  F32x16 scale[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) scale[i] = F32x16::Load(key_scales + 16 * i);
  for (int row = r; row < r + count; ++row, scores += kScoreStride) {
    const F32x16 query_scale = F32x16::Set(TailOf(rows, row).scale);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F32x16 dots = I32x16::Load(reinterpret_cast<const int32_t*>(scores + 16 * i)).ToFloat();
      (dots * scale[i] * query_scale).Store(scores + 16 * i);
    }
  }
  MemoryFence();
}

void ScoreByTiles(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  Prefetch prefetch(ahead, (rows.count + 15) / 16 * keys.count);
  ForSixteens(rows.count, [&](int r, int count) {
    const auto block = [&](int b) { return keys.data + b * Q8BlockBytes(rows.dim); };
    const auto scores = [&](int b) { return rows.scores + int64_t{r} * kScoreStride + (keys.first + b) * kKeyBlock; };
    for (int b = 0; b < keys.count; ++b) {
      prefetch.Part();
      MultiplyKeys(rows, r, block(b), scores(b));
      if (b > 0) ScaleKeys(rows, r, count, block(b - 1), scores(b - 1));
    }
    ScaleKeys(rows, r, count, block(keys.count - 1), scores(keys.count - 1));
  });
}

/// P V of 16 rows and two column tiles: of the high bytes of P, then of the low bytes.
struct alignas(64) ValueProducts {
  int32_t high[2][16][16], low[2][16][16];
};

inline void MultiplyValues(const SoftmaxRows& rows, int r, const BlockRun& values, int col, ValueProducts& products) {
  constexpr int64_t kStride = kScoreStride * 4;
  const auto* p = reinterpret_cast<const std::byte*>(rows.scores + int64_t{r} * kScoreStride);
  p += values.first * kProbabilityBytes;
  const std::byte* quads = values.data + col * 4;
  const int64_t value_stride = int64_t{rows.dim} * 4;
  ZeroAccumulators();
  for (int b = 0; b < values.count; ++b, p += kProbabilityBytes, quads += Q8BlockBytes(rows.dim)) {
    _tile_loadd(4, p, kStride);
    _tile_loadd(6, quads, value_stride);
    _tile_loadd(5, p + kKeyBlock, kStride);
    _tile_loadd(7, quads + 64, value_stride);
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_stored(0, products.high[0], 64);
  _tile_stored(1, products.high[1], 64);
  _tile_stored(2, products.low[0], 64);
  _tile_stored(3, products.low[1], 64);
  MemoryFence();
}

inline void AddProducts(const ValueProducts& products, int count, int dim, int32_t* sums) {
  for (int i = 0; i < count; ++i, sums += dim) {
#pragma GCC unroll 2
    for (int tile = 0; tile < 2; ++tile) {
      const I32x16 high = ShiftLeft<8>(I32x16::Load(products.high[tile][i]));
      const I32x16 both = high + I32x16::Load(products.low[tile][i]);
      (I32x16::Load(sums + 16 * tile) + both).Store(sums + 16 * tile);
    }
  }
  MemoryFence();
}

void AccumulateByTiles(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  ValueProducts products[2];
  Prefetch prefetch(ahead, (rows.count + 15) / 16 * (rows.dim / 32));
  MemoryFence();
  ForSixteens(rows.count, [&](int r, int count) {
    int32_t* sums = rows.sums + int64_t{r} * rows.dim;
    for (int col = 0; col < rows.dim; col += 32) {
      prefetch.Part();
      MultiplyValues(rows, r, values, col, products[col / 32 % 2]);
      if (col > 0) AddProducts(products[col / 32 % 2 ^ 1], count, rows.dim, sums + col - 32);
    }
    AddProducts(products[rows.dim / 32 % 2 ^ 1], count, rows.dim, sums + rows.dim - 32);
  });
}

}  // namespace

const RowTypeKernel& AmxQ8() {
  static const RowTypeKernel kernel{PrepareQ8,         kQueryBytes, ScoreByTiles, SoftmaxQ8,
                                    AccumulateByTiles, SettleQ8,    Q8ScaleOffset};
  return kernel;
}

}  // namespace longshot
