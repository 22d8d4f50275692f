#include "kernels/cpu/simd_int8_avx512.h"

namespace longshot {
namespace {

/// Register tile: 6 rows by 32 outputs, twice 12 sums and 4 vectors of quads of the 32 registers. Under sanitizers 2
/// rows: they compile for minutes otherwise, and results do not depend on it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int TileRows(int) { return 2; }
#else
constexpr int TileRows(int) { return 6; }
#endif
constexpr int TileHalves(int, int) { return 2; }
constexpr int kFewRows = 7;

inline I32x16 Dot(I32x16 sum, U8x64 quads, I32x16 x) {
  return {_mm512_dpbusd_epi32(sum.v, quads.v, x.v)};
}

}  // namespace
}  // namespace longshot

#include "kernels/cpu/vnni_dots.h"

#include "kernels/cpu/int8_kernel.h"

namespace longshot {

const Int8Kernels& Avx512VnniInt8() {
  static const Int8Kernels kernels = MakeInt8Kernels();
  return kernels;
}

}  // namespace longshot
