#include "kernels/cpu/simd_avx2.h"

namespace longshot {
namespace {
/// Twelve of the 16 registers for sums of two registers each. One row waits for memory, which is read fastest when
/// asked for evenly.
constexpr int kProductRows = 3, kProductVectors = 2, kPairsPerPart = 2, kPassRows = 24;
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
