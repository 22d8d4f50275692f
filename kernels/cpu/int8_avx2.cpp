#include <algorithm>
#include <bit>

#include "kernels/cpu/simd_int8_avx2.h"

namespace longshot {
namespace {

/// Register tile: up to 4 bits, sums of words of 4 rows by 16 outputs or of 2 by 32 take 8 of 16 registers; more bits
/// have two sums. Under sanitizers 2 rows: they compile for minutes otherwise, and results do not depend on it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int TileRows(int) { return 2; }
#else
constexpr int TileRows(int bits) { return bits == 8 ? 2 : 4; }
#endif
constexpr int TileHalves(int rows, int bits) { return rows * (bits == 8 ? 2 : 1) <= 2 ? 2 : 1; }
constexpr int kFewRows = 4;

/// Sums of pairs of products as words. The sum over kCount quads of kBits bits is flushed into 32 bits where it could
/// leave 16: the largest sum of a pair is 2 * 127 * (2^kBits - 1).
template <int kBits, int kCount>
struct WordDots {
  static constexpr int kFit = std::bit_floor(std::min(unsigned{kCount}, 32767u / (2 * 127 * ((1u << kBits) - 1))));
  static_assert(kFit > 0 && kCount % kFit == 0);

  I32x16 sum;
  __m256i lo, hi;

  void Begin(I32x16 start) { sum = start; }
  template <int kNumber>
  [[gnu::always_inline]] void Add(__m256i quads_lo, __m256i quads_hi, I32x16 x) {
    const __m256i pairs_lo = _mm256_maddubs_epi16(quads_lo, x.lo), pairs_hi = _mm256_maddubs_epi16(quads_hi, x.hi);
    if constexpr (kNumber % kFit == 0) {
      lo = pairs_lo, hi = pairs_hi;
    } else {
      AddWords(lo, pairs_lo);
      AddWords(hi, pairs_hi);
    }
    if constexpr (kNumber % kFit == kFit - 1) {
      const __m256i ones = _mm256_set1_epi16(1);
      sum = sum + I32x16{_mm256_madd_epi16(lo, ones), _mm256_madd_epi16(hi, ones)};
    }
  }
};

template <int kBits, int kCount>
struct Dots {
  WordDots<kBits, kCount> words;
  void Begin(I32x16 start) { words.Begin(start); }
  template <int kNumber>
  [[gnu::always_inline]] void Add(U8x64 quads, I32x16 x) {
    words.template Add<kNumber>(quads.lo, quads.hi, x);
  }
  I32x16 Total() const { return words.sum; }
};

/// Pairs of products of bytes do not fit words: bytes go as two nibbles.
template <int kCount>
struct Dots<8, kCount> {
  WordDots<4, kCount> low, high;
  void Begin(I32x16 start) {
    low.Begin(start);
    high.Begin(I32x16::Set(0));
  }
  template <int kNumber>
  [[gnu::always_inline]] void Add(U8x64 quads, I32x16 x) {
    const __m256i nibble = _mm256_set1_epi8(15);
    low.template Add<kNumber>(_mm256_and_si256(quads.lo, nibble), _mm256_and_si256(quads.hi, nibble), x);
    const auto upper = [&](__m256i bytes) { return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble); };
    high.template Add<kNumber>(upper(quads.lo), upper(quads.hi), x);
  }
  I32x16 Total() const { return low.sum + ShiftLeft<4>(high.sum); }
};

}  // namespace
}  // namespace longshot

#include "kernels/cpu/int8_kernel.h"

namespace longshot {

const Int8Kernels& Avx2Int8() {
  static const Int8Kernels kernels = MakeInt8Kernels();
  return kernels;
}

}  // namespace longshot
