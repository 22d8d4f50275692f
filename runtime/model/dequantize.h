#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/dtype.h"

namespace longshot {

/// The type with ggml's number, or nothing when this build does not read it.
std::optional<DType> DTypeFromGgml(uint32_t number);

/// IEEE 754 binary16 to f32, exactly; subnormals, infinities and NaN included.
float HalfToFloat(uint16_t half);

/// `count` elements of `type` at `src` (any alignment) to f32, exactly as ggml defines each type: same
/// expressions, each rounded once to f32. REQUIRES: count is a multiple of the block size.
void Dequantize(DType type, const std::byte* src, int64_t count, float* out);

}  // namespace longshot
