#include <cstring>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/q8_quads_avx512.h"

namespace longshot {
namespace {

/// Register tiles: 24 sums of keys; of values twice 12, for high and low bytes.
constexpr int kScoreRows = 6, kScoreVectors = 4, kValueRows = 3, kValueVectors = 4;

/// The instruction multiplies unsigned by signed bytes: keys go as k + 128, and 128 times the sum of q is taken off.
struct KeyQuads {
  __m512i v;
  static KeyQuads Load(const std::byte* p) {
    return {_mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(static_cast<char>(0x80)))};
  }
};
inline I32x16 DotStart(int32_t query_sum) { return I32x16::Set(-128 * query_sum); }
inline I32x16 Dot(I32x16 sum, KeyQuads keys, const std::byte* quad) {
  int32_t four;
  std::memcpy(&four, quad, sizeof four);
  return {_mm512_dpbusd_epi32(sum.v, keys.v, _mm512_set1_epi32(four))};
}

struct ValueSums {
  __m512i high, low;
};
inline void Add(ValueSums& sums, U8x64 values, const std::byte* quad) {
  int32_t high, low;
  std::memcpy(&high, quad, sizeof high);
  std::memcpy(&low, quad + kKeyBlock, sizeof low);
  sums.high = _mm512_dpbusd_epi32(sums.high, _mm512_set1_epi32(high), values.v);
  sums.low = _mm512_dpbusd_epi32(sums.low, _mm512_set1_epi32(low), values.v);
}
inline I32x16 Total(ValueSums sums) { return ShiftLeft<8>(I32x16{sums.high}) + I32x16{sums.low}; }

}  // namespace
}  // namespace longshot

#include "kernels/cpu/q8_products.h"

namespace longshot {

const RowTypeKernel& Avx512VnniQ8() {
  static const RowTypeKernel kernel = Q8Kernel();
  return kernel;
}

}  // namespace longshot
