// The header of a prompt cache: what is written is read, and nothing that it claims is believed.
#include "runtime/cache/cache_header.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "core/error.h"
#include "core/fast_hash.h"

namespace longshot {
namespace {

CacheHeader Example() {
  CacheHeader header;
  header.identity = {{"model", "m"}, {"cache type", "k f16, v bf16"}, {"", ""}};
  header.tokens = {5, 0, 49151, 7};
  header.layers = 3;
  header.image_bytes = 5000;
  return header;
}

/// Reads `file`, of which `file_bytes` are said to exist.
CacheHeader Parse(const std::string& file, uint64_t file_bytes) {
  const auto bytes = std::as_bytes(std::span(file));
  const uint64_t head = CacheHeaderBytes(bytes.first(std::min<size_t>(kCachePrologueBytes, bytes.size())), file_bytes);
  return ParseCacheHeader(bytes.first(std::min<size_t>(head, bytes.size())), file_bytes);
}

std::string Refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFormat);
    return error.what();
  }
  return "accepted";
}

/// A number of the header replaced and the checksum made to fit: what a forger writes. `at`: byte behind the prologue.
std::string Forged(std::string file, size_t at, uint64_t value, uint64_t header_bytes) {
  std::memcpy(file.data() + kCachePrologueBytes + at, &value, sizeof value);
  const auto body = std::as_bytes(std::span(file)).subspan(kCachePrologueBytes, header_bytes - kCachePrologueBytes);
  const uint64_t hash = FastHash(body);
  std::memcpy(file.data() + 24, &hash, sizeof hash);
  return file;
}

TEST(CacheHeader, WhatIsWrittenIsRead) {
  const CacheHeader header = Example();
  const std::string file = EncodeCacheHeader(header);
  EXPECT_EQ(file.size(), kCachePageBytes);
  EXPECT_EQ(header.SectionOffset(0), kCachePageBytes);
  EXPECT_EQ(header.SectionOffset(2), kCachePageBytes * 5) << "5,000 bytes and a hash fill two pages";
  EXPECT_EQ(header.file_bytes(), kCachePageBytes * 7);
  const CacheHeader read = Parse(file, header.file_bytes());
  EXPECT_EQ(read.identity, header.identity);
  EXPECT_EQ(read.tokens, header.tokens);
  EXPECT_EQ(read.layers, header.layers);
  EXPECT_EQ(read.image_bytes, header.image_bytes);
  EXPECT_EQ(read.file_bytes(), header.file_bytes());
}

TEST(CacheHeader, TheHashNeedsAPageOfItsOwnWhereTheImageFillsItsLast) {
  CacheHeader header = Example();
  header.image_bytes = kCachePageBytes;
  EXPECT_EQ(header.section_bytes(), 2 * kCachePageBytes);
  header.image_bytes = kCachePageBytes - 8;
  EXPECT_EQ(header.section_bytes(), kCachePageBytes);
}

TEST(CacheHeader, EveryFlippedBitIsRefused) {
  const CacheHeader header = Example();
  const std::string file = EncodeCacheHeader(header);
  for (size_t bit = 0; bit < header.header_bytes() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(Refusal([&] { Parse(damaged, header.file_bytes()); }), "accepted") << "bit " << bit;
  }
}

TEST(CacheHeader, EveryTruncationIsRefused) {
  const CacheHeader header = Example();
  const std::string file = EncodeCacheHeader(header);
  for (size_t size = 0; size <= header.header_bytes(); ++size) {
    EXPECT_NE(Refusal([&] { Parse(file.substr(0, size), size); }), "accepted") << size << " bytes";
  }
  for (const int64_t change : {-1, 1, -4096, 4096}) {
    EXPECT_EQ(Refusal([&] { Parse(file, header.file_bytes() + static_cast<uint64_t>(change)); }),
              fmt::format("3 layers of 5000 bytes do not make a file of {} bytes: truncated or damaged",
                          static_cast<int64_t>(header.file_bytes()) + change));
  }
}

TEST(CacheHeader, OtherFilesAndVersionsAreNamed) {
  std::string file = EncodeCacheHeader(Example());
  EXPECT_EQ(Refusal([&] { Parse("GGUF" + file, 40000); }), "it is no prompt cache of Longshot");
  EXPECT_EQ(Refusal([&] { Parse("", 0); }), "it is no prompt cache of Longshot");
  file[8] = 2;
  EXPECT_EQ(Refusal([&] { Parse(file, 40000); }), "it has version 2, this build reads version 1");
}

TEST(CacheHeader, AbsurdSizesAreRefusedThoughTheChecksumFits) {
  const CacheHeader header = Example();
  const std::string file = EncodeCacheHeader(header);
  const auto refusal = [&](size_t at, uint64_t value) {
    return Refusal([&] { Parse(Forged(file, at, value, header.header_bytes()), header.file_bytes()); });
  };
  for (const uint64_t value : {uint64_t{1} << 62, ~uint64_t{0}, (uint64_t{1} << 62) + 4, uint64_t{1} << 32}) {
    EXPECT_EQ(refusal(0, value), fmt::format("it claims {} tokens, but its header has room for 988: damaged", value));
    EXPECT_EQ(refusal(8, value),
              fmt::format("{} layers of 5000 bytes do not make a file of 28672 bytes: truncated or damaged", value));
    EXPECT_EQ(refusal(16, value),
              fmt::format("3 layers of {} bytes do not make a file of 28672 bytes: truncated or damaged", value));
    EXPECT_EQ(refusal(24, value), fmt::format("it claims {} properties, possible are 64: damaged", value));
    EXPECT_NE(refusal(32, value).find("needs"), std::string::npos) << "the length of a name";
  }
  EXPECT_EQ(refusal(8, 0), "0 layers of 5000 bytes do not make a file of 28672 bytes: truncated or damaged");
  EXPECT_NE(refusal(16, ~uint64_t{0} - 7), "accepted") << "the size of a section wraps to 0";
}

TEST(CacheHeader, AHeaderThatClaimsMoreThanThereMayBeIsNotRead) {
  std::string file = EncodeCacheHeader(Example());
  const uint64_t claimed = kMostCacheHeaderBytes + 1;
  std::memcpy(file.data() + 16, &claimed, sizeof claimed);
  EXPECT_EQ(Refusal([&] { Parse(file, uint64_t{1} << 40); }),
            "its header claims 67108865 bytes, possible are 32 to 67108864: truncated or damaged");
}

TEST(CacheHeader, TheFirstPropertyThatDiffersIsNamed) {
  const CacheIdentity run = {{"model", "m"}, {"rope scaling", "none"}};
  EXPECT_EQ(IdentityDifference(run, run), "");
  EXPECT_EQ(IdentityDifference({{"model", "m"}, {"rope scaling", "yarn\x1b[2J"}}, run),
            "its rope scaling is yarn\\x1b[2J, this run's is none");
  EXPECT_EQ(IdentityDifference({{"model", "m"}}, run), "it does not say its rope scaling");
  EXPECT_EQ(IdentityDifference({{"rope scaling", "none"}, {"model", "m"}}, run), "it does not say its model");
  EXPECT_EQ(IdentityDifference({{"model", "m"}, {"rope scaling", "none"}, {"more", ""}}, run),
            "it has properties that this build does not know");
}

TEST(CacheHeader, AHeaderOfMorePagesThanItsContentIsRefused) {
  CacheHeader header = Example();
  std::string file = EncodeCacheHeader(header) + std::string(kCachePageBytes, '\0');
  const uint64_t claimed = file.size();
  std::memcpy(file.data() + 16, &claimed, sizeof claimed);
  file = Forged(file, 0, header.tokens.size(), claimed);
  EXPECT_EQ(Refusal([&] { Parse(file, header.file_bytes() + kCachePageBytes); }),
            "its header has 8192 bytes, its content 4096: damaged");
}

TEST(CacheHeader, TheSealOfASectionKnowsEveryByteAndItsLayer) {
  std::string section(kCachePageBytes, 'i');
  const auto bytes = std::as_writable_bytes(std::span(section));
  SealSection(bytes, 1);
  EXPECT_TRUE(IsSealed(bytes, 1));
  EXPECT_FALSE(IsSealed(bytes, 0)) << "layers that change places would not show";
  for (std::byte& byte : bytes) {
    byte ^= std::byte{2};
    EXPECT_FALSE(IsSealed(bytes, 1)) << "byte " << &byte - bytes.data();
    byte ^= std::byte{2};
  }
}

}  // namespace
}  // namespace longshot
