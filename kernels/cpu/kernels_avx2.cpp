#include "kernels/cpu/simd_avx2.h"

namespace longshot {
namespace {
/// Register tile of a product: 4 rows by one vector (two registers) take 8 of the 16 registers, more spill.
constexpr int kProductRows = 4, kProductVectors = 1;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/attention_kernel.h"

namespace longshot {

const KernelSet& Avx2Kernels() {
  static const KernelSet set = F32Kernels();
  return set;
}

}  // namespace longshot
