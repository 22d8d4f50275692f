#pragma once

#include <cstring>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/simd_int8_avx512.h"

namespace longshot {
namespace {

constexpr int kQueryBytes = 1;
inline void StoreQuery(const int8_t* quants, int dim, std::byte* to) {
  std::memcpy(to, quants, static_cast<size_t>(dim));
}

/// P of four keys per lane: the high bytes of all quads, then the low bytes, each for products of bytes.
inline void StoreProbabilities(F32x16 a, F32x16 b, F32x16 c, F32x16 d, std::byte* to) {
  const __m512i low = _mm512_set1_epi16(0x00ff);
  // Words (a, c) and (b, d) of each lane, so that bytes a, b, c, d come together by shifts within words.
  const __m512i ac = _mm512_or_si512(_mm512_cvtps_epi32(a.v), _mm512_slli_epi32(_mm512_cvtps_epi32(c.v), 16));
  const __m512i bd = _mm512_or_si512(_mm512_cvtps_epi32(b.v), _mm512_slli_epi32(_mm512_cvtps_epi32(d.v), 16));
  constexpr int kSelect = 0xca;  // first ? second : third
  _mm512_storeu_si512(to, _mm512_ternarylogic_epi32(low, _mm512_srli_epi16(ac, 8), bd, kSelect));
  _mm512_storeu_si512(to + kKeyBlock, _mm512_ternarylogic_epi32(low, ac, _mm512_slli_epi16(bd, 8), kSelect));
}

}  // namespace
}  // namespace longshot
