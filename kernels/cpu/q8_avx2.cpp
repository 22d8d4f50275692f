#include <cstring>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/simd_int8_avx2.h"

namespace longshot {
namespace {

/// Register tiles: sums of two registers each, beside bytes widened to words.
constexpr int kScoreRows = 4, kScoreVectors = 1, kValueRows = 4, kValueVectors = 1;

/// Four signed bytes per lane as words (0, 2) and (1, 3): products of words fit 32 bits, those of bytes would not
/// fit 16.
struct ByteWords {
  __m256i even, odd;
  static ByteWords Of(__m256i bytes) {
    return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
  }
};
inline __m256i DotWords(__m256i sum, ByteWords a, __m256i even, __m256i odd) {
  AddInts(sum, _mm256_madd_epi16(a.even, even));
  AddInts(sum, _mm256_madd_epi16(a.odd, odd));
  return sum;
}
/// One word pair in every lane.
inline __m256i WordPair(const std::byte* p) {
  int32_t pair;
  std::memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}

/// Each four elements as words 0, 2, 1, 3.
constexpr int kQueryBytes = 2;
inline void StoreQuery(const int8_t* quants, int dim, std::byte* to) {
  for (int d = 0; d < dim; d += 4) {
    const int16_t words[] = {quants[d], quants[d + 2], quants[d + 1], quants[d + 3]};
    std::memcpy(to + d * kQueryBytes, words, sizeof words);
  }
}

struct KeyQuads {
  ByteWords lo, hi;
  static KeyQuads Load(const std::byte* p) {
    const U8x64 quads = U8x64::Load(p);
    return {ByteWords::Of(quads.lo), ByteWords::Of(quads.hi)};
  }
};
inline I32x16 DotStart(int32_t) { return I32x16::Set(0); }
inline I32x16 Dot(I32x16 sum, const KeyQuads& keys, const std::byte* quad) {
  const __m256i even = WordPair(quad), odd = WordPair(quad + 4);
  return {DotWords(sum.lo, keys.lo, even, odd), DotWords(sum.hi, keys.hi, even, odd)};
}

/// P of four keys per lane: words (a, c) of all lanes, then words (b, d), for products of words.
inline void StoreProbabilities(F32x16 a, F32x16 b, F32x16 c, F32x16 d, std::byte* to) {
  const auto words = [](__m256 first, __m256 second) {
    return _mm256_or_si256(_mm256_cvtps_epi32(first), _mm256_slli_epi32(_mm256_cvtps_epi32(second), 16));
  };
  U8x64{words(a.lo, c.lo), words(a.hi, c.hi)}.Store(to);
  U8x64{words(b.lo, d.lo), words(b.hi, d.hi)}.Store(to + 64);
}

using ValueSums = I32x16;
inline void Add(ValueSums& sums, U8x64 values, const std::byte* quad) {
  const __m256i ac = WordPair(quad), bd = WordPair(quad + 64);
  sums = {DotWords(sums.lo, ByteWords::Of(values.lo), ac, bd), DotWords(sums.hi, ByteWords::Of(values.hi), ac, bd)};
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
