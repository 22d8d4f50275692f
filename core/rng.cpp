#include "core/rng.h"

#include <cmath>

namespace longshot {

std::array<uint32_t, 4> Philox(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter) {
  constexpr uint64_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = kMul0 * counter[0], p1 = kMul1 * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

namespace {

std::array<uint32_t, 2> SeedKey(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

/// 53 random bits as k in [0, 2^53).
uint64_t Bits53(const std::array<uint32_t, 4>& r) { return (uint64_t{r[0]} << 21) | (r[1] >> 11); }

}  // namespace

double Uniform(const DrawKey& key) {
  const auto purpose_and_index = static_cast<uint32_t>(key.purpose) << 28 | key.index;
  const auto r = Philox(SeedKey(key.seed), {static_cast<uint32_t>(key.sequence), key.round,
                                            static_cast<uint32_t>(key.node), purpose_and_index});
  return static_cast<double>(Bits53(r)) * 0x1p-53;
}

double CoupledNoise::At(int64_t position, Token token) const {
  const auto tag = static_cast<uint32_t>(DrawPurpose::kCoupled) << 28 | static_cast<uint32_t>(position >> 32);
  const auto r = Philox(SeedKey(seed), {static_cast<uint32_t>(sequence), static_cast<uint32_t>(position),
                                        static_cast<uint32_t>(token), tag});
  const double u = (static_cast<double>(Bits53(r)) + 0.5) * 0x1p-53;
  return -std::log(-std::log(u));
}

}  // namespace longshot
