// The checksum of caches and models: damage shows, and the value never changes.
#include "core/fast_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "core/rng.h"

namespace longshot {
namespace {

std::vector<std::byte> RandomBytes(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) {
    const double u = Uniform({.seed = 9, .index = static_cast<uint32_t>(i), .purpose = DrawPurpose::kTest});
    bytes[i] = static_cast<std::byte>(u * 256);
  }
  return bytes;
}

TEST(FastHash, TheValuesAreThoseOfFilesWrittenBefore) {
  const std::string text = "a document is read once; what it says is asked about many times over";
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(FastHash({}), 0x6daed2604dcdf870u);
  EXPECT_EQ(FastHash(bytes), 0x4ca696ea4179afb3u);
  EXPECT_EQ(FastHash(bytes.first(64), 7), 0xe8cf898654124a5cu);
}

TEST(FastHash, EveryFlippedBitShows) {
  for (const size_t size : {1, 7, 8, 63, 64, 65, 200}) {
    std::vector<std::byte> bytes = RandomBytes(size);
    const uint64_t whole = FastHash(bytes);
    for (size_t bit = 0; bit < size * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      EXPECT_NE(FastHash(bytes), whole) << "bit " << bit << " of " << size << " bytes";
      bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    }
  }
}

/// Sign bits are the highest bits of words: without a rotation two of them in one lane cancel.
TEST(FastHash, EveryPairOfFlippedHighestBitsShows) {
  std::vector<std::byte> bytes = RandomBytes(64 * 12);
  const uint64_t whole = FastHash(bytes);
  std::set<uint64_t> seen{whole};
  size_t pairs = 0;
  for (size_t a = 7; a < bytes.size(); a += 8) {
    for (size_t b = a + 8; b < bytes.size(); b += 8, ++pairs) {
      bytes[a] ^= std::byte{0x80}, bytes[b] ^= std::byte{0x80};
      seen.insert(FastHash(bytes));
      bytes[a] ^= std::byte{0x80}, bytes[b] ^= std::byte{0x80};
    }
  }
  EXPECT_EQ(seen.size(), pairs + 1);
}

TEST(FastHash, OrderLengthAndSeedCount) {
  const std::vector<std::byte> bytes = RandomBytes(256);
  const uint64_t whole = FastHash(bytes);
  for (size_t a = 0; a < 256; a += 8) {
    for (size_t b = a + 8; b < 256; b += 8) {
      std::vector<std::byte> swapped = bytes;
      std::swap_ranges(swapped.begin() + a, swapped.begin() + a + 8, swapped.begin() + b);
      EXPECT_NE(FastHash(swapped), whole) << "words at " << a << " and " << b;
    }
  }
  std::set<uint64_t> lengths;
  const std::vector<std::byte> zeros(300);
  for (size_t size = 0; size <= zeros.size(); ++size) lengths.insert(FastHash(std::span(zeros).first(size)));
  EXPECT_EQ(lengths.size(), zeros.size() + 1) << "a tail of zeros is not the same as none";
  EXPECT_NE(FastHash(bytes, 1), whole);
  EXPECT_NE(FastHash(std::span(bytes).last(128), FastHash(std::span(bytes).first(128))), whole) << "chained otherwise";
}

}  // namespace
}  // namespace longshot
