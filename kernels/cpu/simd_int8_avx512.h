#pragma once

#include <cstddef>

#include "kernels/cpu/simd_avx512.h"

/// Bytes and sixteen integer lanes on AVX-512, beside the floats of `simd_avx512.h`.
namespace longshot {
namespace {

struct U8x64 {
  __m512i v;

  static U8x64 Load(const std::byte* p) { return {_mm512_loadu_si512(p)}; }
  void Store(std::byte* p) const { _mm512_storeu_si512(p, v); }
};

struct I32x16 {
  __m512i v;

  static I32x16 Set(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static I32x16 Load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
  void Store(int32_t* p) const { _mm512_storeu_si512(p, v); }
  F32x16 ToFloat() const { return {_mm512_cvtepi32_ps(v)}; }
};

/// Every byte shifted by kBits (to the right where negative) under `mask`, which hides what crosses bytes.
template <int kBits>
inline U8x64 ShiftMasked(U8x64 a, uint8_t mask) {
  const __m512i m = _mm512_set1_epi8(static_cast<char>(mask));
  if constexpr (kBits == 0) return {_mm512_and_si512(a.v, m)};
  if constexpr (kBits > 0) return {_mm512_and_si512(_mm512_slli_epi16(a.v, kBits), m)};
  return {_mm512_and_si512(_mm512_srli_epi16(a.v, -kBits), m)};
}
inline U8x64 operator|(U8x64 a, U8x64 b) { return {_mm512_or_si512(a.v, b.v)}; }
/// Every byte less b, modulo 256.
inline U8x64 operator-(U8x64 a, int b) { return {_mm512_sub_epi8(a.v, _mm512_set1_epi8(static_cast<char>(b)))}; }

inline I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
template <int kBits>
inline I32x16 ShiftLeft(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
/// 16 signed bytes as floats.
inline F32x16 LoadI8(const std::byte* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}

/// Largest magnitude, compared as integers: a NaN is larger than everything.
inline float ReduceMaxMagnitude(F32x16 a, F32x16 b) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i x = _mm512_and_si512(_mm512_castps_si512(a.v), magnitude);
  const __m512i y = _mm512_and_si512(_mm512_castps_si512(b.v), magnitude);
  return __builtin_bit_cast(float, _mm512_reduce_max_epu32(_mm512_max_epu32(x, y)));
}

/// Rounds 16 floats within [-127, 127] to bytes, ties to even; returns their sum. A NaN counts as 0: as the smallest
/// integer it would make the sum overflow.
inline int32_t StoreRounded(F32x16 a, int8_t* p) {
  const __m512i q = _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(a.v, a.v, _CMP_ORD_Q), a.v);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(q));
  return _mm512_reduce_add_epi32(q);
}

}  // namespace
}  // namespace longshot
