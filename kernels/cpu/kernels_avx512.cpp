#include "kernels/cpu/simd_avx512.h"

namespace longshot {
namespace {
/// Register tile of a product: 6 rows by 4 vectors use 24 of the 32 registers.
constexpr int kProductRows = 6, kProductVectors = 4, kPairsPerPart = 16;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/attention_kernel.h"

namespace longshot {

const KernelSet& Avx512Kernels() {
  static const KernelSet set = F32Kernels();
  return set;
}

}  // namespace longshot
