#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace longshot {

/// Rounds x [n] to signed bytes with one scale, which is returned: x = scale * quant, the largest magnitude being 127
/// scales. A row below 2^-120 is zero; the scale of one that holds NaN or infinities is not a finite number.
inline float RoundToQ8(const float* x, int n, int8_t* quants) {
  uint32_t bits = 0;  // of the largest magnitude: a NaN has more than any number
  for (int i = 0; i < n; ++i) bits = std::max(bits, std::bit_cast<uint32_t>(x[i]) & 0x7fffffff);
  const auto magnitude = std::bit_cast<float>(bits);
  const bool zero = magnitude < 0x1p-120f;
  const float inverse = zero ? 0.0f : 127.0f / magnitude;
  // Adding 1.5 * 2^23 leaves the integer, rounded to nearest even, in the low bits.
  for (int i = 0; i < n; ++i) quants[i] = static_cast<int8_t>(std::bit_cast<uint32_t>(x[i] * inverse + 0x1.8p23f));
  return zero ? 0.0f : magnitude / 127.0f;
}

}  // namespace longshot
