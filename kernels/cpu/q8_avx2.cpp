#include <cstring>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/simd_int8_avx2.h"

namespace longshot {
namespace {

/// Register tiles: sums of two registers each, beside the keys and their magnitudes, or values widened to words.
constexpr int kScoreRows = 3, kScoreVectors = 1, kValueRows = 3, kValueVectors = 1;

/// Pairs of products are added in 16 bits, which hold 2 * 128 * 127 but not 2 * 255 * 127: keys go as magnitudes and
/// give their signs to q.
struct KeyQuads {
  __m256i lo, hi;
  static KeyQuads Load(const std::byte* p) {
    const U8x64 quads = U8x64::Load(p);
    return {quads.lo, quads.hi};
  }
};
inline I32x16 DotStart(int32_t) { return I32x16::Set(0); }
inline __m256i DotLanes(__m256i sum, __m256i keys, __m256i q) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(keys), _mm256_sign_epi8(q, keys));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline I32x16 Dot(I32x16 sum, KeyQuads keys, I32x16 q) {
  return {DotLanes(sum.lo, keys.lo, q.lo), DotLanes(sum.hi, keys.hi, q.hi)};
}

/// P of four keys per lane: words (a, c) of all lanes, then words (b, d), for products of words.
inline void StoreQuads(F32x16 a, F32x16 b, F32x16 c, F32x16 d, std::byte* to) {
  const auto words = [](__m256 first, __m256 second) {
    return _mm256_or_si256(_mm256_cvtps_epi32(first), _mm256_slli_epi32(_mm256_cvtps_epi32(second), 16));
  };
  U8x64{words(a.lo, c.lo), words(a.hi, c.hi)}.Store(to);
  U8x64{words(b.lo, d.lo), words(b.hi, d.hi)}.Store(to + 64);
}

using ValueSums = I32x16;
inline void Add(ValueSums& sums, U8x64 values, const std::byte* quad) {
  int32_t ac, bd;
  std::memcpy(&ac, quad, sizeof ac);
  std::memcpy(&bd, quad + 64, sizeof bd);
  const auto lanes = [&](__m256i sum, __m256i v) {
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8), odd = _mm256_srai_epi16(v, 8);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(even, _mm256_set1_epi32(ac)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(odd, _mm256_set1_epi32(bd)));
  };
  sums = {lanes(sums.lo, values.lo), lanes(sums.hi, values.hi)};
}
inline I32x16 Total(ValueSums sums) { return sums; }

}  // namespace
}  // namespace longshot

#include "kernels/cpu/q8_products.h"

namespace longshot {

const RowTypeKernel& Avx2Q8() {
  static const RowTypeKernel kernel = Q8Kernel();
  return kernel;
}

}  // namespace longshot
