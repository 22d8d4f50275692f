#include "core/fast_hash.h"

#include <array>
#include <bit>
#include <cstring>

namespace longshot {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

constexpr int kLanes = 8;
constexpr size_t kStripe = kLanes * sizeof(uint64_t);
constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;  ///< 2^64 / golden ratio, odd

/// Without the rotation the highest bit of a word would never reach another one.
uint64_t Mix(uint64_t lane, uint64_t word) { return std::rotl(lane ^ word, 29) * kMultiplier; }

/// Every bit of the result depends on every bit of `x`. Source: the finalizer of Appleby's MurmurHash3.
uint64_t Finish(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

void MixStripe(const std::byte* stripe, std::array<uint64_t, kLanes>& lanes) {
  for (int i = 0; i < kLanes; ++i) {
    uint64_t word;
    std::memcpy(&word, stripe + i * sizeof word, sizeof word);
    lanes[i] = Mix(lanes[i], word);
  }
}

}  // namespace

uint64_t FastHash(std::span<const std::byte> bytes, uint64_t seed) {
  std::array<uint64_t, kLanes> lanes;
  for (int i = 0; i < kLanes; ++i) lanes[i] = Finish(seed + static_cast<uint64_t>(i) + 1);
  const size_t whole = bytes.size() / kStripe * kStripe;
  for (size_t at = 0; at < whole; at += kStripe) MixStripe(bytes.data() + at, lanes);
  if (whole < bytes.size()) {
    std::array<std::byte, kStripe> last{};
    std::memcpy(last.data(), bytes.data() + whole, bytes.size() - whole);
    MixStripe(last.data(), lanes);
  }
  uint64_t hash = Finish(bytes.size());  // a tail of zeros is not the same as none
  for (const uint64_t lane : lanes) hash = Mix(hash, Finish(lane));
  return Finish(hash);
}

}  // namespace longshot
