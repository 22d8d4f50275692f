#include "kernels/reference/int8_product.h"

#include <cmath>

#include "kernels/cpu/half.h"

namespace longshot {
namespace {

constexpr float kLeastMagnitude = 0x1p-120f;

/// Largest magnitude; NaN if there is one.
float Magnitude(std::span<const float> x) {
  float largest = 0;
  for (const float v : x) {
    if (!(std::abs(v) <= largest)) largest = std::isnan(largest) ? largest : std::abs(v);
  }
  return largest;
}

}  // namespace

Int8Row RoundToInt8(std::span<const float> x, int64_t group_size) {
  const auto size = static_cast<size_t>(group_size);
  Int8Row row;
  for (size_t at = 0; at < x.size(); at += size) {
    const std::span<const float> group = x.subspan(at, size);
    const float magnitude = Magnitude(group);
    const bool zero = magnitude < kLeastMagnitude;
    const float inverse = zero ? 0.0f : 127.0f / magnitude;
    for (const float v : group) {
      const float q = std::nearbyint(v * inverse);
      row.quants.push_back(std::isfinite(q) ? static_cast<int8_t>(q) : int8_t{0});
    }
    row.scales.push_back(zero ? 0.0f : magnitude / 127.0f);
  }
  return row;
}

float Int8Product(DType type, const std::byte* blocks, const Int8Row& x) {
  const StoredFormat format = FormatOf(type);
  const int parts = format.halves ? 2 : 1, width = kGroupInputs / parts;
  const int offset = format.has_minimum ? 0 : 1 << format.offset_bits;
  std::vector<StoredGroup> groups(x.scales.size());
  DecodeGroups(type, blocks, groups);
  float f = 0;
  for (size_t g = 0; g < x.scales.size(); ++g) {
    const StoredGroup& weights = groups[g];
    for (int part = 0; part < parts; ++part) {
      int32_t dot = 0, sum = 0;
      for (int i = part * width; i < (part + 1) * width; ++i) {
        const int quant = x.quants[g * kGroupInputs + static_cast<size_t>(i)];
        dot += quant * (weights.quants[i] - offset);
        sum += quant;
      }
      const float scale = FromF16(weights.scale) * static_cast<float>(weights.sub_scales[part]);
      f = std::fma(static_cast<float>(dot), scale * x.scales[g], f);
      if (!format.has_minimum) continue;
      const float minimum = FromF16(weights.minimum) * static_cast<float>(weights.sub_minima[part]);
      f = std::fma(minimum, x.scales[g] * static_cast<float>(sum), f);
    }
  }
  return f;
}

}  // namespace longshot
