#include "kernels/cpu/simd_avx2.h"

namespace longshot {
namespace {
/// Register tile of a product: 3 rows by 2 vectors fill the 16 registers.
constexpr int kProductRows = 3, kProductVectors = 2;
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
