#pragma once

#include <immintrin.h>

#include <cstdint>

/// Sixteen f32 lanes on AVX-512. Included only by files compiled for that instruction set; the anonymous namespace
/// keeps its inline functions from leaking into the baseline build.
namespace longshot {
namespace {

struct F32x16 {
  __m512 v;

  static F32x16 Zero() { return {_mm512_setzero_ps()}; }
  static F32x16 Set(float x) { return {_mm512_set1_ps(x)}; }
  static F32x16 Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static F32x16 LoadF16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  /// The even (kOdd 0) or odd elements of 32 consecutive bf16.
  template <int kOdd>
  static F32x16 LoadBf16OfPairs(const uint16_t* p) {
    const __m512i pairs = _mm512_loadu_si512(p), high = _mm512_set1_epi32(static_cast<int>(0xffff0000));
    return {_mm512_castsi512_ps(kOdd ? _mm512_and_si512(pairs, high) : _mm512_slli_epi32(pairs, 16))};
  }
  /// The even (kOdd 0) or odd elements of 32 consecutive floats.
  template <int kOdd>
  static F32x16 LoadOfPairs(const float* p) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i wanted = _mm512_or_si512(even, _mm512_set1_epi32(kOdd));
    return {_mm512_permutex2var_ps(_mm512_loadu_ps(p), wanted, _mm512_loadu_ps(p + 16))};
  }
  void Store(float* p) const { _mm512_storeu_ps(p, v); }
};

inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
[[gnu::always_inline]] inline void AddProduct(F32x16& sum, F32x16 a, F32x16 b) { sum = Fma(a, b, sum); }
/// Nothing: 32 registers hold what was loaded.
inline void ForgetLoads() {}
inline F32x16 Max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32x16 Min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
/// a - floor(a). The instruction that does both rounds the difference down: other bits than a subtraction's.
inline F32x16 Fraction(F32x16 a) {
  return {_mm512_sub_ps(a.v, _mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))};
}
/// a * 2^floor(n).
inline F32x16 ScaleByPower(F32x16 a, F32x16 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
/// a where the mask bit is set, b elsewhere.
inline F32x16 Select(uint16_t mask, F32x16 a, F32x16 b) { return {_mm512_mask_blend_ps(mask, b.v, a.v)}; }
inline float ReduceMax(F32x16 a) { return _mm512_reduce_max_ps(a.v); }
inline float ReduceAdd(F32x16 a) { return _mm512_reduce_add_ps(a.v); }

/// Rounds to nearest even bf16, 16 values. NaN stays NaN.
inline void StoreBf16(F32x16 a, uint16_t* p) {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(lsb, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i high = _mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc00000)), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(high));
}

}  // namespace
}  // namespace longshot
