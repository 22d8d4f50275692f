#pragma once

#include <cstddef>
#include <cstdint>

/// How blocks of KV rows hold their elements, included after a simd_*.h.
namespace longshot {
namespace {

/// 16 elements of row `row` of B [depth, cols], as f32. Plain rows of f32 or f16; pairs of rows of bf16
/// [depth / 2, cols, 2].
struct F32Format {
  static constexpr int kBytes = 4;
  template <int kOdd>
  static F32x16 Load(const std::byte* b, int pair, int cols, int col) {
    return F32x16::Load(reinterpret_cast<const float*>(b) + (2 * pair + kOdd) * cols + col);
  }
};

struct F16Format {
  static constexpr int kBytes = 2;
  template <int kOdd>
  static F32x16 Load(const std::byte* b, int pair, int cols, int col) {
    return F32x16::LoadF16(reinterpret_cast<const uint16_t*>(b) + (2 * pair + kOdd) * cols + col);
  }
};

struct Bf16Format {
  static constexpr int kBytes = 2;
  template <int kOdd>
  static F32x16 Load(const std::byte* b, int pair, int cols, int col) {
    return F32x16::LoadBf16OfPairs<kOdd>(reinterpret_cast<const uint16_t*>(b) + 2 * (pair * cols + col));
  }
};

}  // namespace
}  // namespace longshot
