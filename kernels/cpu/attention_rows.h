#pragma once

#include <cstring>
#include <limits>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/vector_math.h"

/// What the attention of every row type shares, included after a simd_*.h.
namespace longshot {
namespace {

/// Asks for the lines of an `Ahead` in equal parts, one part per call.
class Prefetch {
 public:
  Prefetch(const Ahead& ahead, int parts)
      : at_(reinterpret_cast<const char*>(ahead.data)), left_(ahead.lines), part_((ahead.lines + parts - 1) / parts) {}
  void Part() {
    const int lines = part_ < left_ ? part_ : left_;
    for (int i = 0; i < lines; ++i) _mm_prefetch(at_ + 64 * i, _MM_HINT_T1);
    at_ += 64 * lines, left_ -= lines;
  }

 private:
  const char* at_;
  int left_, part_;
};

/// Calls use.operator()<rows>(first row) for tiles of nearly equal size, of at most R of `count` rows.
template <int R, class Use>
inline void ForRowTiles(int count, const Use& use) {
  const auto tile = [&]<int N>(auto& self, int rows, int first) -> void {
    if (rows == N) return use.template operator()<N>(first);
    if constexpr (N > 1) self.template operator()<N - 1>(self, rows, first);
  };
  int tiles = (count + R - 1) / R;
  for (int first = 0; first < count; --tiles) {
    const int rows = (count - first) / tiles;
    tile.template operator()<R>(tile, rows, first);
    first += rows;
  }
}

/// 2^(from - to) of integers, exact down to 2^-126.
inline F32x16 PowerBetween(float from, float to) {
  return Exp2(F32x16::Set(from - to < -126.0f ? -126.0f : from - to));
}

inline void ScaleRow(F32x16 factor, int dim, float* acc) {
  for (int d = 0; d < dim; d += 16) (F32x16::Load(acc + d) * factor).Store(acc + d);
}

inline float FirstLane(F32x16 x) {
  float lanes[16];
  x.Store(lanes);
  return lanes[0];
}

/// Raises a row's maximum to an integer not below `top`, rescaling what it has: by a power of two, so exactly.
inline float RaiseMax(float top, const SoftmaxRows& rows, int row) {
  const float old_max = rows.max[row], ceiling = __builtin_ceilf(top);
  if (ceiling <= old_max) return old_max;
  if (old_max == -std::numeric_limits<float>::infinity()) return rows.max[row] = ceiling;  // acc and sum are zero
  const F32x16 factor = PowerBetween(old_max, ceiling);
  ScaleRow(factor, rows.dim, rows.acc + int64_t{row} * rows.dim);
  rows.sum[row] *= FirstLane(factor);
  return rows.max[row] = ceiling;
}

inline F32x16 Masked(const StepMask* mask, int key, F32x16 seen, F32x16 hidden) {
  if (mask == nullptr) return seen;
  return Select(static_cast<uint16_t>((*mask)[key / kKeyBlock] >> key % kKeyBlock), seen, hidden);
}

/// Of the scores that a row sees; -inf where there are none.
inline float LargestScore(const float* scores, int keys, const StepMask* mask) {
  const F32x16 nothing = F32x16::Set(-std::numeric_limits<float>::infinity());
  F32x16 best = nothing, best2 = nothing;
  for (int k = 0; k < keys; k += 32) {
    best = Max(best, Masked(mask, k, F32x16::Load(scores + k), nothing));
    best2 = Max(best2, Masked(mask, k + 16, F32x16::Load(scores + k + 16), nothing));
  }
  return ReduceMax(Max(best, best2));
}

}  // namespace
}  // namespace longshot
