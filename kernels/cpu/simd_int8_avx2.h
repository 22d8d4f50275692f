#pragma once

#include <cstddef>

#include "kernels/cpu/simd_avx2.h"

/// Bytes and sixteen integer lanes as two AVX2 registers: the operations of `simd_int8_avx512.h`, and some of AVX2
/// alone.
namespace longshot {
namespace {

struct U8x64 {
  __m256i lo, hi;

  static U8x64 Load(const std::byte* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  void Store(std::byte* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), hi);
  }
};

struct I32x16 {
  __m256i lo, hi;

  static I32x16 Set(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static I32x16 Load(const int32_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
  }
  void Store(int32_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), hi);
  }
  F32x16 ToFloat() const { return {_mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi)}; }
};

/// sum += x, now: compilers would gather sums behind many products and put those where 16 registers do not hold them.
[[gnu::always_inline]] inline void AddWords(__m256i& sum, __m256i x) {
  sum = _mm256_add_epi16(sum, x);
  asm("" : "+x"(sum));
}
[[gnu::always_inline]] inline void AddInts(__m256i& sum, __m256i x) {
  sum = _mm256_add_epi32(sum, x);
  asm("" : "+x"(sum));
}

template <int kBits>
inline U8x64 ShiftMasked(U8x64 a, uint8_t mask) {
  const __m256i m = _mm256_set1_epi8(static_cast<char>(mask));
  const auto shift = [](__m256i x) {
    if constexpr (kBits > 0) return _mm256_slli_epi16(x, kBits);
    if constexpr (kBits < 0) return _mm256_srli_epi16(x, -kBits);
    return x;
  };
  return {_mm256_and_si256(shift(a.lo), m), _mm256_and_si256(shift(a.hi), m)};
}
inline U8x64 operator|(U8x64 a, U8x64 b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }

inline I32x16 operator+(I32x16 a, I32x16 b) { return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
template <int kBits>
inline I32x16 ShiftLeft(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
inline F32x16 LoadI8(const std::byte* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}

/// Lane by lane the larger of a, not negative, and the magnitude of b; a NaN is larger than every number.
inline F32x16 LargerMagnitudes(F32x16 a, F32x16 b) {
  const auto larger = [](__m256 x, __m256 y) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    return _mm256_castsi256_ps(
        _mm256_max_epu32(_mm256_castps_si256(x), _mm256_and_si256(_mm256_castps_si256(y), magnitude)));
  };
  return {larger(a.lo, b.lo), larger(a.hi, b.hi)};
}

inline float ReduceMaxMagnitude(F32x16 a, F32x16 b) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  const auto bits = [&](__m256 x) { return _mm256_and_si256(_mm256_castps_si256(x), magnitude); };
  const __m256i m =
      _mm256_max_epu32(_mm256_max_epu32(bits(a.lo), bits(a.hi)), _mm256_max_epu32(bits(b.lo), bits(b.hi)));
  __m128i r = _mm_max_epu32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
  r = _mm_max_epu32(r, _mm_shuffle_epi32(r, 0x4e));
  r = _mm_max_epu32(r, _mm_shuffle_epi32(r, 0xb1));
  return __builtin_bit_cast(float, _mm_cvtsi128_si32(r));
}

inline int32_t StoreRounded(F32x16 a, int8_t* p) {
  const __m256i q0 = _mm256_cvtps_epi32(a.lo), q1 = _mm256_cvtps_epi32(a.hi);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(q0, q1), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  const __m256i sum = _mm256_add_epi32(q0, q1);
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

/// Sixteen floats, rounded to words; those beyond 16 bits go to the nearest.
inline __m256i RoundedWords(F32x16 a) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)), 0xd8);
}
/// A pair of words in each of sixteen lanes. REQUIRES: they fit 16 bits.
inline U8x64 WordPairs(F32x16 even, F32x16 odd) {
  const auto both = [](__m256 first, __m256 second) {
    return _mm256_blend_epi16(_mm256_cvtps_epi32(first), _mm256_slli_epi32(_mm256_cvtps_epi32(second), 16), 0xaa);
  };
  return {both(even.lo, odd.lo), both(even.hi, odd.hi)};
}

}  // namespace
}  // namespace longshot
