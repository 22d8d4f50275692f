#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "kernels/stored_group.h"

namespace longshot {

/// A row rounded to 8 bits per group of elements: x = scale * quant. A group whose largest magnitude is below 2^-120 is
/// zero.
struct Int8Row {
  std::vector<int8_t> quants;  ///< round(x * (127 / largest magnitude of the group)), ties to even
  std::vector<float> scales;   ///< largest magnitude / 127, per group
};

Int8Row RoundToInt8(std::span<const float> x, int64_t group = kGroupInputs);

/// The definition of a product over a stored row, to the bit. For the groups g in ascending order, by halves of the
/// group where the type's scales go by halves, f starting at 0:
///   f = fma(float(sum of quant * (stored quant - offset)), weight scale * row scale, f)
///   f = fma(minimum, row scale * float(sum of quants), f), where the type has minima
/// with exact integer sums and every float operation rounded to f32.
/// REQUIRES: groups of 32, `type` is a block type and `blocks` holds x.quants.size() elements of it.
float Int8Product(DType type, const std::byte* blocks, const Int8Row& x);

}  // namespace longshot
