#pragma once

#include <immintrin.h>

#include <cstdint>

/// Sixteen f32 lanes as two AVX2 registers: the same operations as `simd_avx512.h`.
namespace longshot {
namespace {

struct F32x16 {
  __m256 lo, hi;

  static F32x16 Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F32x16 Set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F32x16 Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static F32x16 LoadF16(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  /// The even (kOdd 0) or odd elements of 32 consecutive bf16.
  template <int kOdd>
  static F32x16 LoadBf16OfPairs(const uint16_t* p) {
    const auto half = [](const uint16_t* pairs) {
      const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs));
      const __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000));
      return _mm256_castsi256_ps(kOdd ? _mm256_and_si256(x, high) : _mm256_slli_epi32(x, 16));
    };
    return {half(p), half(p + 16)};
  }
  /// The even (kOdd 0) or odd elements of 32 consecutive floats.
  template <int kOdd>
  static F32x16 LoadOfPairs(const float* p) {
    const auto half = [](const float* pairs) {
      // Each 128-bit lane gives two of the first eight floats, then two of the last eight.
      const __m256 x = _mm256_shuffle_ps(_mm256_loadu_ps(pairs), _mm256_loadu_ps(pairs + 8), kOdd ? 0xdd : 0x88);
      return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
    };
    return {half(p), half(p + 16)};
  }
  void Store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
};

inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline F32x16 Fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
/// sum += a * b, now: compilers would give a sum another register with every product, and run out of them.
[[gnu::always_inline]] inline void AddProduct(F32x16& sum, F32x16 a, F32x16 b) {
  sum.lo = _mm256_fmadd_ps(a.lo, b.lo, sum.lo);
  asm("" : "+x"(sum.lo));
  sum.hi = _mm256_fmadd_ps(a.hi, b.hi, sum.hi);
  asm("" : "+x"(sum.hi));
}
/// What was loaded is loaded anew where it is needed again: 16 registers hold sums, not operands for later.
inline void ForgetLoads() { asm volatile("" ::: "memory"); }
inline F32x16 Max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline F32x16 Min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
/// a - floor(a).
inline F32x16 Fraction(F32x16 a) {
  return {_mm256_sub_ps(a.lo, _mm256_floor_ps(a.lo)), _mm256_sub_ps(a.hi, _mm256_floor_ps(a.hi))};
}
/// a * 2^floor(n) for n < 128; at most a * 2^-126 for n below -126.
inline F32x16 ScaleByPower(F32x16 a, F32x16 n) {
  const auto power = [](__m256 e) {
    const __m256i exponent = _mm256_cvtps_epi32(_mm256_max_ps(_mm256_floor_ps(e), _mm256_set1_ps(-126.0f)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
  };
  return {_mm256_mul_ps(a.lo, power(n.lo)), _mm256_mul_ps(a.hi, power(n.hi))};
}
/// a where the mask bit is set, b elsewhere.
inline F32x16 Select(uint16_t mask, F32x16 a, F32x16 b) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const auto lanes = [&](int bits) {
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits), bit), bit));
  };
  return {_mm256_blendv_ps(b.lo, a.lo, lanes(mask & 255)), _mm256_blendv_ps(b.hi, a.hi, lanes(mask >> 8))};
}
inline float ReduceMax(F32x16 a) {
  const __m256 m = _mm256_max_ps(a.lo, a.hi);
  __m128 r = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
  r = _mm_max_ps(r, _mm_movehl_ps(r, r));
  return _mm_cvtss_f32(_mm_max_ss(r, _mm_movehdup_ps(r)));
}
inline float ReduceAdd(F32x16 a) {
  const __m256 s = _mm256_add_ps(a.lo, a.hi);
  __m128 r = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  r = _mm_add_ps(r, _mm_movehl_ps(r, r));
  return _mm_cvtss_f32(_mm_add_ss(r, _mm_movehdup_ps(r)));
}

/// Rounds to nearest even bf16, 16 values. NaN stays NaN.
inline void StoreBf16(F32x16 a, uint16_t* p) {
  const auto round = [](__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i lsb = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(lsb, _mm256_set1_epi32(0x7fff)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7fc00000), nan), 16);
  };
  const __m256i packed = _mm256_packus_epi32(round(a.lo), round(a.hi));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}

}  // namespace
}  // namespace longshot
