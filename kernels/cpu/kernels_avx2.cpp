#include "kernels/cpu/simd_avx2.h"

namespace longshot {
namespace {
/// Twelve of the 16 registers for sums of two registers each. One row waits for memory, which is read fastest when
/// asked for evenly.
constexpr int kProductRows = 3, kProductVectors = 2, kPairsPerPart = 2;
}  // namespace
}  // namespace longshot

#include "kernels/cpu/row_kernels.h"
#include "kernels/cpu/attention_kernel.h"

namespace longshot {

const KernelSet& Avx2Kernels() {
  static const KernelSet set = [] {
    KernelSet kernels = F32Kernels();
    // Tiles of 3 rows fill it: one of 2 takes 1.5 times as long for a row.
    for (RowTypeKernel* kernel : {&kernels.f32, &kernels.f16, &kernels.bf16}) kernel->pass_rows = 24;
    return kernels;
  }();
  return set;
}

}  // namespace longshot
