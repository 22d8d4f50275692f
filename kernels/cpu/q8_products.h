#pragma once

#include "kernels/cpu/q8_rows.h"

/// Products over q8_0 rows by vectors, included by the files compiled for one instruction set. Such a file defines
/// before, beside `StoreProbabilities`,
///   kScoreRows, kScoreVectors    query rows and vectors of 16 keys whose sums one pass keeps in registers
///   kValueRows, kValueVectors    the same for vectors of 16 elements of the head
///   KeyQuads::Load(p)            16 keys, 4 signed bytes of each
///   DotStart(sum of q)           where a sum of `Dot` begins
///   Dot(sum, keys, quad)         sum + four products per lane, quad: four elements of a query, for every lane. Exact
///   ValueSums, Add(sums, values, quad)  sums of P v: values [16][4] signed bytes, quad: where `StoreProbabilities`
///   left the
///                                P of the four keys. Exact
///   Total(sums)                  the sums themselves
namespace longshot {
namespace {

template <int R, int V>
inline void ScoreTile(const SoftmaxRows& rows, int row, const std::byte* keys, int key, float* scores,
                      Prefetch& prefetch) {
  I32x16 sum[R][V];
  float query_scale[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const Q8QueryTail tail = TailOf(rows, row + r);
    query_scale[r] = tail.scale;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = DotStart(tail.sum);
  }
  const std::byte* query = rows.queries + int64_t{row} * rows.query_stride;
  for (int quad = 0; quad < rows.dim / 4; ++quad) {
    if (quad % 8 == 0) prefetch.Part();
    KeyQuads column[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) column[v] = KeyQuads::Load(keys + (int64_t{quad} * kKeyBlock + key + 16 * v) * 4);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const std::byte* four = query + int64_t{r} * rows.query_stride + 4 * kQueryBytes * quad;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = Dot(sum[r][v], column[v], four);
    }
  }
  const float* key_scales = Q8Scales(keys, rows.dim) + key;
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const F32x16 scaled = sum[r][v].ToFloat() * F32x16::Load(key_scales + 16 * v);
      (scaled * F32x16::Set(query_scale[r])).Store(scores + int64_t{row + r} * kScoreStride + key + 16 * v);
    }
  }
}

/// Parts of a prefetch: as many as the tiles of a product ask for, about.
inline Prefetch PrefetchOverTiles(const Ahead& ahead, int tile_rows, int n, int vectors, int depth) {
  return Prefetch(ahead, (n + tile_rows - 1) / tile_rows * vectors * ((depth + 7) / 8));
}

void ScoreQ8(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) {
  constexpr int kColumns = kKeyBlock / (16 * kScoreVectors);
  Prefetch prefetch = PrefetchOverTiles(ahead, kScoreRows, rows.count, keys.count * kColumns, rows.dim / 4);
  for (int i = 0; i < keys.count * kColumns; ++i) {
    const std::byte* block = keys.data + i / kColumns * Q8BlockBytes(rows.dim);
    float* scores = rows.scores + (keys.first + i / kColumns) * kKeyBlock;
    const int key = i % kColumns * 16 * kScoreVectors;
    ForRowTiles<kScoreRows>(rows.count,
                            [&]<int R>(int r) { ScoreTile<R, kScoreVectors>(rows, r, block, key, scores, prefetch); });
  }
}

template <int R, int V>
inline void ValueTile(const SoftmaxRows& rows, int row, const BlockRun& values, int col, Prefetch& prefetch) {
  ValueSums sums[R][V] = {};
  for (int block = 0; block < values.count; ++block) {
    const std::byte* quads = values.data + block * Q8BlockBytes(rows.dim);
    const std::byte* p = reinterpret_cast<const std::byte*>(rows.scores + int64_t{row} * kScoreStride) +
                         (values.first + block) * kProbabilityBytes;
    for (int i = 0; i < 16; ++i) {
      if (i % 8 == 0) prefetch.Part();
      U8x64 element[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) element[v] = U8x64::Load(quads + (int64_t{i} * rows.dim + col + 16 * v) * 4);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) Add(sums[r][v], element[v], p + int64_t{r} * kScoreStride * 4 + 4 * i);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    int32_t* to = rows.sums + int64_t{row + r} * rows.dim + col;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) (I32x16::Load(to + 16 * v) + Total(sums[r][v])).Store(to + 16 * v);
  }
}

void AccumulateQ8(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) {
  Prefetch prefetch =
      PrefetchOverTiles(ahead, kValueRows, rows.count, rows.dim / (16 * kValueVectors), values.count * 16);
  for (int col = 0; col < rows.dim; col += 16 * kValueVectors) {
    ForRowTiles<kValueRows>(rows.count,
                            [&]<int R>(int r) { ValueTile<R, kValueVectors>(rows, r, values, col, prefetch); });
  }
}

RowTypeKernel Q8Kernel() { return {PrepareQ8, kQueryBytes, ScoreQ8, SoftmaxQ8, AccumulateQ8, SettleQ8, Q8ScaleOffset}; }

}  // namespace
}  // namespace longshot
