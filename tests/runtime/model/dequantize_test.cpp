// Every stored type against numbers of ggml's own Python package (golden/make_golden.py).
#include "runtime/model/dequantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <sstream>
#include <vector>

#include "core/mapped_file.h"

namespace longshot {
namespace {

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

DType TypeNamed(const std::string& name) {
  for (int type = 0; type <= static_cast<int>(DType::kQ6_K); ++type) {
    if (Info(static_cast<DType>(type)).name == name) return static_cast<DType>(type);
  }
  ADD_FAILURE() << name;
  return DType::kF32;
}

TEST(Dequantize, EveryTypeBitForBit) {
  std::istringstream golden(ReadFile(LONGSHOT_SOURCE_DIR "/tests/runtime/model/golden/dequantize.txt"));
  std::string name, stored, expected;
  std::getline(golden, name);  // the comment
  int types = 0;
  while (std::getline(golden, name) && std::getline(golden, stored) && std::getline(golden, expected)) {
    const DType type = TypeNamed(name);
    const DTypeInfo info = Info(type);
    const std::vector<std::byte> bytes = FromHex(stored), values = FromHex(expected);
    const auto count = static_cast<int64_t>(bytes.size()) / info.block_bytes * info.block_size;
    ASSERT_EQ(values.size(), static_cast<size_t>(count) * 4) << name;
    std::vector<float> out(static_cast<size_t>(count)), wanted(out.size());
    std::memcpy(wanted.data(), values.data(), values.size());
    Dequantize(type, bytes.data(), count, out.data());
    for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], wanted[i]) << name << " element " << i;
    ++types;
  }
  EXPECT_EQ(types, 13);
}

TEST(Dequantize, EveryHalf) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const float value = HalfToFloat(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::signbit(value), bits >> 15 != 0) << bits;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(value), mantissa != 0) << bits;
      EXPECT_EQ(std::isinf(value), mantissa == 0) << bits;
    } else {
      const double magnitude =
          exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25);
      EXPECT_EQ(std::fabs(value), magnitude) << bits;
    }
  }
}

TEST(Dequantize, ReadsFromAnyAlignment) {
  std::vector<std::byte> bytes(1 + 34 * 2);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 3 & 0x3F);
  std::vector<std::byte> aligned(bytes.begin() + 1, bytes.end());
  std::vector<float> a(64), b(64);
  Dequantize(DType::kQ8_0, bytes.data() + 1, 64, a.data());
  Dequantize(DType::kQ8_0, aligned.data(), 64, b.data());
  EXPECT_EQ(a, b);
}

TEST(Dequantize, NumbersOfGgml) {
  EXPECT_EQ(DTypeFromGgml(0), DType::kF32);
  EXPECT_EQ(DTypeFromGgml(3), DType::kQ4_1);
  EXPECT_EQ(DTypeFromGgml(14), DType::kQ6_K);
  EXPECT_EQ(DTypeFromGgml(30), DType::kBF16);
  for (const uint32_t unread : {4u, 5u, 9u, 15u, 16u, 29u, 31u, 1000u, ~0u}) {
    EXPECT_EQ(DTypeFromGgml(unread), std::nullopt) << unread;
  }
}

}  // namespace
}  // namespace longshot
