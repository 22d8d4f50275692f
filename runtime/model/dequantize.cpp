#include "runtime/model/dequantize.h"

#include <bit>
#include <cstring>

#include "core/error.h"

namespace longshot {
namespace {

uint8_t Byte(const std::byte* p) { return static_cast<uint8_t>(*p); }
int8_t SignedByte(const std::byte* p) { return static_cast<int8_t>(*p); }

template <class T>
T Load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

float Half(const std::byte* p) { return HalfToFloat(Load<uint16_t>(p)); }

// Blocks of 32: scale d, perhaps minimum m, perhaps 32 fifth bits, then nibbles: element j in the low half of
// byte j, element j + 16 in its high half.

void BlockQ4_0(const std::byte* b, float* out) {
  const float d = Half(b);
  for (int j = 0; j < 16; ++j) {
    const int q = Byte(b + 2 + j);
    out[j] = static_cast<float>((q & 15) - 8) * d;
    out[j + 16] = static_cast<float>((q >> 4) - 8) * d;
  }
}

void BlockQ4_1(const std::byte* b, float* out) {
  const float d = Half(b), m = Half(b + 2);
  for (int j = 0; j < 16; ++j) {
    const int q = Byte(b + 4 + j);
    out[j] = static_cast<float>(q & 15) * d + m;
    out[j + 16] = static_cast<float>(q >> 4) * d + m;
  }
}

/// Five-bit value of element j of 32, from nibbles and the word of fifth bits.
int FiveBits(const std::byte* nibbles, uint32_t fifth, int j) {
  const int q = Byte(nibbles + j % 16);
  return (j < 16 ? q & 15 : q >> 4) | static_cast<int>((fifth >> j & 1) << 4);
}

void BlockQ5_0(const std::byte* b, float* out) {
  const float d = Half(b);
  const auto fifth = Load<uint32_t>(b + 2);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(FiveBits(b + 6, fifth, j) - 16) * d;
}

void BlockQ5_1(const std::byte* b, float* out) {
  const float d = Half(b), m = Half(b + 2);
  const auto fifth = Load<uint32_t>(b + 4);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(FiveBits(b + 8, fifth, j)) * d + m;
}

void BlockQ8_0(const std::byte* b, float* out) {
  const float d = Half(b);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(SignedByte(b + 2 + j)) * d;
}

// Super-blocks of 256 ("K quants"): sub-blocks of 16 or 32 elements, whose scales are themselves quantised.

/// Layout: 16 bytes of (4-bit scale, 4-bit minimum), 64 bytes of two-bit values, d, dmin.
void BlockQ2_K(const std::byte* b, float* out) {
  const float d = Half(b + 80), dmin = Half(b + 82);
  for (int i = 0; i < 256; ++i) {
    const int scale = Byte(b + i / 16);
    const int q = Byte(b + 16 + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    out[i] = d * static_cast<float>(scale & 15) * static_cast<float>(q) - dmin * static_cast<float>(scale >> 4);
  }
}

/// Six-bit scale s of 16 from Q3_K's 12 bytes: low nibbles in bytes 0 to 7, high pairs in bytes 8 to 11.
int ScaleQ3_K(const std::byte* scales, int s) {
  const int low = Byte(scales + s % 8) >> (s / 8 * 4) & 15;
  const int high = Byte(scales + 8 + s % 4) >> (s / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

/// Layout: 32 bytes of third bits, 64 bytes of two-bit values, 12 bytes of scales, d. A clear third bit
/// subtracts 4.
void BlockQ3_K(const std::byte* b, float* out) {
  const float d = Half(b + 108);
  for (int i = 0; i < 256; ++i) {
    const int low = Byte(b + 32 + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    const int third = Byte(b + i % 32) >> (i / 32) & 1;
    out[i] = d * static_cast<float>(ScaleQ3_K(b + 96, i / 16)) * static_cast<float>(low - (third != 0 ? 0 : 4));
  }
}

struct ScaleAndMinimum {
  float scale, minimum;
};

/// Pair s of 8 from the 12 bytes that Q4_K and Q5_K share: six bits each, the upper four pairs split in two.
ScaleAndMinimum PairQ4_K(const std::byte* packed, int s) {
  int scale = Byte(packed + s % 4), minimum = Byte(packed + 4 + s % 4);
  if (s < 4) {
    scale &= 63;
    minimum &= 63;
  } else {
    const int low = Byte(packed + 8 + s % 4);
    scale = (low & 15) | (scale >> 6) << 4;
    minimum = (low >> 4) | (minimum >> 6) << 4;
  }
  return {static_cast<float>(scale), static_cast<float>(minimum)};
}

/// Layout: d, dmin, 12 bytes of scales and minimums, 128 bytes of nibbles (32 low halves, then 32 high
/// halves).
void BlockQ4_K(const std::byte* b, float* out) {
  const float d = Half(b), dmin = Half(b + 2);
  for (int s = 0; s < 8; ++s) {
    const ScaleAndMinimum pair = PairQ4_K(b + 4, s);
    const float scale = d * pair.scale, minimum = dmin * pair.minimum;
    for (int l = 0; l < 32; ++l) {
      const int q = Byte(b + 16 + s / 2 * 32 + l) >> (s % 2 * 4) & 15;
      out[s * 32 + l] = scale * static_cast<float>(q) - minimum;
    }
  }
}

/// As Q4_K, with 32 bytes of fifth bits (bit s of byte l) before the nibbles.
void BlockQ5_K(const std::byte* b, float* out) {
  const float d = Half(b), dmin = Half(b + 2);
  for (int s = 0; s < 8; ++s) {
    const ScaleAndMinimum pair = PairQ4_K(b + 4, s);
    const float scale = d * pair.scale, minimum = dmin * pair.minimum;
    for (int l = 0; l < 32; ++l) {
      const int low = Byte(b + 48 + s / 2 * 32 + l) >> (s % 2 * 4) & 15;
      const int fifth = Byte(b + 16 + l) >> s & 1;
      out[s * 32 + l] = scale * static_cast<float>(low | fifth << 4) - minimum;
    }
  }
}

/// Layout: 128 bytes of low nibbles, 64 bytes of high pairs, 16 signed scales, d.
void BlockQ6_K(const std::byte* b, float* out) {
  const float d = Half(b + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
    const int low = Byte(b + half * 64 + quarter % 2 * 32 + l) >> (quarter / 2 * 4) & 15;
    const int high = Byte(b + 128 + half * 32 + l) >> (quarter * 2) & 3;
    const auto scale = static_cast<float>(SignedByte(b + 192 + i / 16));
    out[i] = d * scale * static_cast<float>((low | high << 4) - 32);
  }
}

template <void (*block)(const std::byte*, float*)>
void EachBlock(DTypeInfo info, const std::byte* src, int64_t count, float* out) {
  for (int64_t i = 0; i < count / info.block_size; ++i) block(src + i * info.block_bytes, out + i * info.block_size);
}

}  // namespace

std::optional<DType> DTypeFromGgml(uint32_t number) {
  switch (number) {
    case 0:
      return DType::kF32;
    case 1:
      return DType::kF16;
    case 2:
      return DType::kQ4_0;
    case 3:
      return DType::kQ4_1;
    case 6:
      return DType::kQ5_0;
    case 7:
      return DType::kQ5_1;
    case 8:
      return DType::kQ8_0;
    case 10:
      return DType::kQ2_K;
    case 11:
      return DType::kQ3_K;
    case 12:
      return DType::kQ4_K;
    case 13:
      return DType::kQ5_K;
    case 14:
      return DType::kQ6_K;
    case 30:
      return DType::kBF16;
    default:
      return std::nullopt;
  }
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half} >> 15 << 31, exponent = half >> 10 & 31, mantissa = half & 1023;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide_exponent << 23 | mantissa << 13);
}

void Dequantize(DType type, const std::byte* src, int64_t count, float* out) {
  const DTypeInfo info = Info(type);
  CHECK(count >= 0 && count % info.block_size == 0, "{} elements of {}", count, info.name);
  switch (type) {
    case DType::kF32:
      if (count > 0) std::memcpy(out, src, static_cast<size_t>(count) * sizeof(float));
      return;
    case DType::kF16:
      for (int64_t i = 0; i < count; ++i) out[i] = Half(src + i * 2);
      return;
    case DType::kBF16:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = std::bit_cast<float>(uint32_t{Load<uint16_t>(src + i * 2)} << 16);
      }
      return;
    case DType::kQ4_0:
      return EachBlock<BlockQ4_0>(info, src, count, out);
    case DType::kQ4_1:
      return EachBlock<BlockQ4_1>(info, src, count, out);
    case DType::kQ5_0:
      return EachBlock<BlockQ5_0>(info, src, count, out);
    case DType::kQ5_1:
      return EachBlock<BlockQ5_1>(info, src, count, out);
    case DType::kQ8_0:
      return EachBlock<BlockQ8_0>(info, src, count, out);
    case DType::kQ2_K:
      return EachBlock<BlockQ2_K>(info, src, count, out);
    case DType::kQ3_K:
      return EachBlock<BlockQ3_K>(info, src, count, out);
    case DType::kQ4_K:
      return EachBlock<BlockQ4_K>(info, src, count, out);
    case DType::kQ5_K:
      return EachBlock<BlockQ5_K>(info, src, count, out);
    case DType::kQ6_K:
      return EachBlock<BlockQ6_K>(info, src, count, out);
  }
  CHECK(false, "dtype {}", static_cast<int>(type));
}

}  // namespace longshot
