#pragma once

#include <array>
#include <cstdint>

#include "core/types.h"

namespace longshot {

/// Philox4x32-10: 128 random bits as a pure function of (key, counter).
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
std::array<uint32_t, 4> Philox(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter);

/// What a random number is for; part of its key, so no two uses share one.
enum class DrawPurpose : uint32_t { kAccept = 1, kResidual = 2, kDraft = 3, kCoupled = 4, kTest = 5, kTask = 6 };

/// Key of one draw that is not coupled noise: fresh for every (round, node, index, purpose).
struct DrawKey {
  uint64_t seed = 0;
  SequenceId sequence = 0;
  uint32_t round = 0;
  NodeId node = 0;
  uint32_t index = 0;
  DrawPurpose purpose = DrawPurpose::kAccept;
};

/// Uniform in [0, 1) with 53 bits.
double Uniform(const DrawKey& key);

/// Gumbel noise of coupled sampling, a pure function of (seed, sequence, absolute target position, token).
struct CoupledNoise {
  uint64_t seed = 0;
  SequenceId sequence = 0;

  /// Standard Gumbel: -log(-log(u)), u in (0, 1).
  double At(int64_t position, Token token) const;
};

}  // namespace longshot
