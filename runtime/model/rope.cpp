#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "runtime/model/model_config.h"

namespace longshot {
namespace {

/// Pair index at which a head turns `rotations` times within `context` positions.
/// Source: Peng et al. 2023, arXiv 2309.00071, section 3.2 (solved for the dimension).
double CorrectionPair(double rotations, const RopeConfig& rope) {
  return rope.dims * std::log(rope.original_context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(static_cast<double>(rope.theta)));
}

/// YaRN's ramp of pair i: 0 keeps the frequency, 1 interpolates it fully. Bounds are whole pairs, as in the
/// reference implementation, transformers and llama.cpp.
double YarnRamp(int i, const RopeConfig& rope) {
  const double low = std::max(0.0, std::floor(CorrectionPair(rope.beta_fast, rope)));
  const double high = std::min(rope.dims - 1.0, std::ceil(CorrectionPair(rope.beta_slow, rope)));
  return std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0);
}

/// Llama 3.1: wavelengths longer than context / low_freq_factor are scaled, shorter than context /
/// high_freq_factor kept, those between blended.
double Llama3Frequency(double frequency, const RopeConfig& rope) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double turns = rope.original_context / wavelength;
  if (turns < rope.low_freq_factor) return frequency / rope.factor;
  if (turns > rope.high_freq_factor) return frequency;
  const double smooth = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

double ScaledFrequency(int i, double frequency, const RopeConfig& rope) {
  switch (rope.scaling) {
    case RopeScaling::kNone:
      return frequency;
    case RopeScaling::kLinear:
      return frequency / rope.factor;
    case RopeScaling::kLlama3:
      return Llama3Frequency(frequency, rope);
    case RopeScaling::kYarn: {
      const double ramp = YarnRamp(i, rope);
      return frequency / rope.factor * ramp + frequency * (1 - ramp);
    }
  }
  CHECK(false, "rope scaling {}", static_cast<int>(rope.scaling));
  return 0;
}

}  // namespace

std::vector<double> RopeConfig::InverseFrequencies() const {
  CHECK(dims > 0 && dims % 2 == 0, "rope dims {}", dims);
  std::vector<double> frequencies(static_cast<size_t>(dims / 2));
  for (int i = 0; i < dims / 2; ++i) {
    const auto at = static_cast<size_t>(i);
    const double divisor = freq_divisors.empty() ? 1.0 : freq_divisors[at];
    frequencies[at] = ScaledFrequency(i, std::pow(static_cast<double>(theta), -2.0 * i / dims) / divisor, *this);
  }
  return frequencies;
}

double RopeConfig::Magnitude() const {
  if (scaling != RopeScaling::kYarn) return 1.0;
  if (attention_factor != 0) return attention_factor;
  return factor <= 1 ? 1.0 : 0.1 * std::log(static_cast<double>(factor)) + 1.0;
}

int RopeConfig::ExtendedContext(int context) const {
  if (scaling != RopeScaling::kYarn) return context;
  const double reach = std::min(static_cast<double>(original_context) * factor, 0x1p30);
  return std::max(context, static_cast<int>(reach));
}

}  // namespace longshot
