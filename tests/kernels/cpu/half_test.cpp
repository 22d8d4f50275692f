// The scalar 16-bit conversions against the processor's own (f16) and against the nearest of two neighbours
// (bf16).
#include "kernels/cpu/half.h"

#include <gtest/gtest.h>
#include <immintrin.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/backends.h"

namespace longshot {
namespace {

bool IsNan(uint16_t half, int mantissa_bits) {
  const uint32_t infinity = (0x7fffu >> mantissa_bits) << mantissa_bits;
  return (half & 0x7fffu) > infinity;
}

__attribute__((target("avx,f16c"))) float ProcessorFromF16(uint16_t h) { return _cvtsh_ss(h); }
__attribute__((target("avx,f16c"))) uint16_t ProcessorToF16(float x) {
  return static_cast<uint16_t>(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
/// The processor's, except that finite values stay finite.
uint16_t ExpectedF16(float x) {
  const uint16_t half = ProcessorToF16(x);
  return std::isfinite(x) && (half & 0x7fff) == 0x7c00 ? half - 1 : half;
}

/// Both NaN, or the same bits.
bool SameHalf(uint16_t a, uint16_t b, int mantissa_bits) {
  return a == b || (IsNan(a, mantissa_bits) && IsNan(b, mantissa_bits));
}

TEST(F16, EveryHalfDecodesAsTheProcessorDoes) {
  if (!DetectCpu().f16c) GTEST_SKIP() << "this processor has no F16C to compare with";
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float ours = FromF16(static_cast<uint16_t>(h)), theirs = ProcessorFromF16(static_cast<uint16_t>(h));
    if (std::isnan(theirs)) {
      ASSERT_TRUE(std::isnan(ours)) << h;
    } else {
      ASSERT_EQ(std::bit_cast<uint32_t>(ours), std::bit_cast<uint32_t>(theirs)) << h;
    }
  }
}

TEST(F16, EveryFloatAtAndAroundEveryBorderRoundsAsTheProcessorDoes) {
  if (!DetectCpu().f16c) GTEST_SKIP() << "this processor has no F16C to compare with";
  // Roundings change at f16 values and at the middles between them: bits below the 13 dropped ones are 0 or
  // half.
  for (uint64_t high = 0; high < (uint64_t{1} << 32); high += 1 << 12) {
    for (const int64_t near : {-1, 0, 1}) {
      const auto bits = static_cast<uint32_t>(high + static_cast<uint64_t>(near));
      const auto x = std::bit_cast<float>(bits);
      ASSERT_TRUE(SameHalf(ToF16(x), ExpectedF16(x), 10)) << std::hexfloat << x;
    }
  }
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4099) {
    const auto x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    ASSERT_TRUE(SameHalf(ToF16(x), ExpectedF16(x), 10)) << std::hexfloat << x;
  }
}

TEST(F16, KnownValues) {
  EXPECT_EQ(ToF16(0.0f), 0x0000);
  EXPECT_EQ(ToF16(-0.0f), 0x8000);
  EXPECT_EQ(ToF16(1.0f), 0x3c00);
  EXPECT_EQ(ToF16(-2.0f), 0xc000);
  EXPECT_EQ(ToF16(65504.0f), 0x7bff);
  EXPECT_EQ(ToF16(65519.99f), 0x7bff);
  EXPECT_EQ(ToF16(65520.0f), 0x7bff);    // half-way to the next power: would be infinite
  EXPECT_EQ(ToF16(-1e30f), 0xfbff);
  EXPECT_EQ(ToF16(0x1p-24f), 0x0001);    // smallest subnormal
  EXPECT_EQ(ToF16(0x1p-25f), 0x0000);    // a tie, to even
  EXPECT_EQ(ToF16(0x1.8p-24f), 0x0002);  // a tie, to even
  EXPECT_EQ(ToF16(0x1p-14f), 0x0400);    // smallest normal
  EXPECT_EQ(ToF16(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(ToF16(1.0f + 0x3p-11f), 0x3c02);
  EXPECT_EQ(ToF16(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_TRUE(IsNan(ToF16(std::numeric_limits<float>::quiet_NaN()), 10));
}

TEST(Bf16, EveryValueSurvives) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float x = FromBf16(static_cast<uint16_t>(h));
    ASSERT_TRUE(SameHalf(ToBf16(x), static_cast<uint16_t>(h), 7)) << h;
  }
}

TEST(Bf16, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t h = 0; h < 0x7f80; ++h) {
    for (const uint32_t sign : {0u, 0x8000u}) {
      const uint32_t bits = (h | sign) << 16;
      const auto at = [&](uint32_t low) { return ToBf16(std::bit_cast<float>(bits + low)); };
      ASSERT_EQ(at(1), h | sign);
      ASSERT_EQ(at(0x7fff), h | sign);
      ASSERT_EQ(at(0x8000), (h + h % 2) | sign);
      ASSERT_EQ(at(0x8001), (h + 1) | sign);
      ASSERT_EQ(at(0xffff), (h + 1) | sign);
    }
  }
}

TEST(Bf16, EveryNanStaysOne) {
  for (uint32_t bits = 0x7f800001; bits < 0x80000000; bits += 997) {
    ASSERT_TRUE(IsNan(ToBf16(std::bit_cast<float>(bits)), 7)) << bits;
    ASSERT_TRUE(IsNan(ToBf16(std::bit_cast<float>(bits | 0x80000000)), 7)) << bits;
  }
}

}  // namespace
}  // namespace longshot
