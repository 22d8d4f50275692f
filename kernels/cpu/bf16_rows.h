#pragma once

#include "kernels/cpu/attention_kernel.h"

/// Queries and probabilities as bf16, for the two kernel sets that multiply them so. Included by files compiled with
/// AVX-512 BF16.
namespace longshot {
namespace {

void PrepareBf16(const float* q, int head_dim, int dim, float scale, std::byte* row) {
  uint16_t* to = reinterpret_cast<uint16_t*>(row);
  int d = 0;
  for (; d + 16 <= head_dim; d += 16) StoreBf16(F32x16::Load(q + d) * F32x16::Set(scale), to + d);
  if (d < head_dim) {
    StoreBf16(LoadPart(q + d, head_dim - d) * F32x16::Set(scale), to + d);
    d += 16;
  }
  if (d < dim) std::memset(to + d, 0, static_cast<size_t>(dim - d) * 2);
}

/// Half as long as the scores that they replace: written where scores were read before.
struct Bf16Probabilities {
  static constexpr int64_t kStride = kScoreStride * 2;
  static uint16_t* Of(const SoftmaxRows& rows, int block) {
    return reinterpret_cast<uint16_t*>(rows.scores) + block * kKeyBlock;
  }
  static void Store(const SoftmaxRows& rows, int row, int key, F32x16 a, F32x16 b) {
    const __m512bh both = _mm512_cvtne2ps_pbh(b.v, a.v);
    std::memcpy(Of(rows, 0) + row * kStride + key, &both, sizeof both);
  }
};

}  // namespace
}  // namespace longshot
