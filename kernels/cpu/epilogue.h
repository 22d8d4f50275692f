#pragma once

#include "kernels/cpu/kernel_set.h"
#include "kernels/kernels.h"

namespace longshot {

/// Adds the bias of `args` to a part of one row, outputs [first, first + outputs), and applies the epilogue to row
/// `row` of y. REQUIRES: first and outputs even for SwiGLU.
void FinishRow(const KernelSet& kernels, const MatmulArgs& args, int64_t first, int64_t outputs, float* part,
               int64_t row);

}  // namespace longshot
