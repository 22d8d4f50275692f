#include "kernels/cpu/simd_int8_avx2.h"

namespace longshot {
namespace {

constexpr int kTileRows = 2, kTileHalves = 1, kFewRows = 4;

/// Pairs of products are added in 16 bits, which hold 2 * 63 * 127 but not 2 * 255 * 127: eight bits go as two nibbles.
template <int kBits>
inline __m256i DotLanes(__m256i sum, __m256i quads, __m256i x) {
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (kBits < 8) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(quads, x), ones));
  } else {
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256(quads, nibble), high = _mm256_and_si256(_mm256_srli_epi16(quads, 4), nibble);
    const __m256i lows = _mm256_madd_epi16(_mm256_maddubs_epi16(low, x), ones);
    const __m256i highs = _mm256_madd_epi16(_mm256_maddubs_epi16(high, x), _mm256_set1_epi16(16));
    return _mm256_add_epi32(sum, _mm256_add_epi32(lows, highs));
  }
}

template <int kBits>
inline I32x16 Dot(I32x16 sum, U8x64 quads, I32x16 x) {
  return {DotLanes<kBits>(sum.lo, quads.lo, x.lo), DotLanes<kBits>(sum.hi, quads.hi, x.hi)};
}

}  // namespace
}  // namespace longshot

#include "kernels/cpu/int8_kernel.h"

namespace longshot {

const Int8Kernels& Avx2Int8() {
  static const Int8Kernels kernels = MakeInt8Kernels();
  return kernels;
}

}  // namespace longshot
