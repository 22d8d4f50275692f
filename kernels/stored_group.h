#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/dtype.h"
#include "core/error.h"

/// What products read of a row that is stored in a block type of ggml: integers and their scales, 32 inputs at a time.
namespace longshot {

/// Inputs that share one scale of the activations; every block type is a multiple of it.
inline constexpr int kGroupInputs = 32;

/// How a block type holds a group. A weight is scale * (quant - offset) + minimum, both f32 and exact.
struct StoredFormat {
  int bits = 0;               ///< of a quant; 0: not a block type
  int offset_bits = 0;        ///< offset is 2^offset_bits; unused where there are minima
  bool has_minimum = false;   ///< then the offset is 0
  bool super_blocks = false;  ///< 256 inputs share an f16 scale (and minimum) that 8-bit integers multiply ("K quants")
  bool halves = false;        ///< these integers belong to 16 inputs, not to 32
};

constexpr StoredFormat FormatOf(DType type) {
  switch (type) {
    case DType::kQ4_0:
      return {.bits = 4, .offset_bits = 3};
    case DType::kQ4_1:
      return {.bits = 4, .has_minimum = true};
    case DType::kQ5_0:
      return {.bits = 5, .offset_bits = 4};
    case DType::kQ5_1:
      return {.bits = 5, .has_minimum = true};
    case DType::kQ8_0:
      return {.bits = 8, .offset_bits = 7};
    case DType::kQ2_K:
      return {.bits = 2, .has_minimum = true, .super_blocks = true, .halves = true};
    case DType::kQ3_K:
      return {.bits = 3, .offset_bits = 2, .super_blocks = true, .halves = true};
    case DType::kQ4_K:
      return {.bits = 4, .has_minimum = true, .super_blocks = true};
    case DType::kQ5_K:
      return {.bits = 5, .has_minimum = true, .super_blocks = true};
    case DType::kQ6_K:
      return {.bits = 6, .offset_bits = 5, .super_blocks = true, .halves = true};
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      break;
  }
  return {};
}

constexpr bool IsBlockType(DType type) { return FormatOf(type).bits != 0; }

/// One group of one row. For inputs 16 h to 16 h + 15 the scale is half(scale) * sub_scales[h], the minimum
/// half(minimum) * sub_minima[h]: an f16 times an 8-bit integer is an f32 without rounding.
struct StoredGroup {
  std::array<uint8_t, kGroupInputs> quants;
  uint16_t scale = 0, minimum = 0;  ///< f16 bits; minimum is negated where ggml subtracts it
  std::array<int8_t, 2> sub_scales = {1, 1}, sub_minima = {1, 1};
};

/// The first `groups.size()` groups of the row at `row`. REQUIRES: a block type.
void DecodeGroups(DType type, const std::byte* row, std::span<StoredGroup> groups);

/// Calls use.operator()<type>(). REQUIRES: a block type.
template <class Use>
void ForBlockType(DType type, Use&& use) {
  switch (type) {
    case DType::kQ4_0:
      return use.template operator()<DType::kQ4_0>();
    case DType::kQ4_1:
      return use.template operator()<DType::kQ4_1>();
    case DType::kQ5_0:
      return use.template operator()<DType::kQ5_0>();
    case DType::kQ5_1:
      return use.template operator()<DType::kQ5_1>();
    case DType::kQ8_0:
      return use.template operator()<DType::kQ8_0>();
    case DType::kQ2_K:
      return use.template operator()<DType::kQ2_K>();
    case DType::kQ3_K:
      return use.template operator()<DType::kQ3_K>();
    case DType::kQ4_K:
      return use.template operator()<DType::kQ4_K>();
    case DType::kQ5_K:
      return use.template operator()<DType::kQ5_K>();
    case DType::kQ6_K:
      return use.template operator()<DType::kQ6_K>();
    default:
      CHECK(false, "{} is not a block type", Info(type).name);
  }
}

}  // namespace longshot
