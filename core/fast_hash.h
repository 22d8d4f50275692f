#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace longshot {

/// 64-bit checksum of `bytes`, several GB/s: tells damaged or different files apart. Eight lanes of 64-bit words are
/// mixed by xor, rotation and an odd multiplier, each of which is reversible, so damage to a single word always shows,
/// any other with a chance of 1 - 2^-64. No protection against somebody who makes two inputs agree: that is
/// SHA-256's work. `seed` chains several inputs. The value is part of file formats: it never changes.
uint64_t FastHash(std::span<const std::byte> bytes, uint64_t seed = 0);

}  // namespace longshot
