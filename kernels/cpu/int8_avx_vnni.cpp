#include "kernels/cpu/simd_int8_avx2.h"

namespace longshot {
namespace {

/// Register tile: 2 rows by 16 outputs, twice 4 sums, 4 vectors of quads and one of the row, of 16 registers.
constexpr int TileRows(int) { return 2; }
constexpr int TileHalves(int, int) { return 1; }
constexpr int kFewRows = 4;

inline I32x16 Dot(I32x16 sum, U8x64 quads, I32x16 x) {
  return {_mm256_dpbusd_avx_epi32(sum.lo, quads.lo, x.lo), _mm256_dpbusd_avx_epi32(sum.hi, quads.hi, x.hi)};
}

}  // namespace
}  // namespace longshot

#include "kernels/cpu/vnni_dots.h"

#include "kernels/cpu/int8_kernel.h"

namespace longshot {

const Int8Kernels& AvxVnniInt8() {
  static const Int8Kernels kernels = MakeInt8Kernels();
  return kernels;
}

}  // namespace longshot
