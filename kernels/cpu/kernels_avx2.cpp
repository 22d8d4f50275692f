#include "kernels/cpu/simd_avx2.h"

namespace longshot {
namespace {
/// Register tile of a product: 6 rows by one vector (two registers) take 12 of the 16 registers, B two more.
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
