#include "kernels/stored_group.h"

#include <cstring>

namespace longshot {
namespace {

uint8_t Byte(const std::byte* p) { return static_cast<uint8_t>(*p); }

uint16_t Half(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

uint16_t Negated(uint16_t half) { return half ^ 0x8000; }

/// Element j in the low half of byte j, element j + 16 in its high half.
void Nibbles(const std::byte* b, StoredGroup& g) {
  for (int j = 0; j < 16; ++j) {
    g.quants[j] = Byte(b + j) & 15;
    g.quants[j + 16] = Byte(b + j) >> 4;
  }
}

void AddFifthBits(const std::byte* b, StoredGroup& g) {
  uint32_t bits;
  std::memcpy(&bits, b, sizeof bits);
  for (int j = 0; j < kGroupInputs; ++j) g.quants[j] |= static_cast<uint8_t>((bits >> j & 1) << 4);
}

/// Layout: scale; 32 signed bytes.
void GroupQ8_0(const std::byte* b, StoredGroup& g) {
  for (int j = 0; j < kGroupInputs; ++j) g.quants[j] = Byte(b + 2 + j) ^ 0x80;
}

// Super-blocks of 256, group s of 8: the layouts are told beside the definitions of `Dequantize`.

/// Values of `bits` bits: 128 / 32 * bits bytes hold four groups, s % 4 picks the bits of each byte.
void BitsOfGroup(const std::byte* b, int s, int bits, StoredGroup& g) {
  const int per_byte = 8 / bits, shift = s % per_byte * bits, mask = (1 << bits) - 1;
  for (int l = 0; l < kGroupInputs; ++l) g.quants[l] = Byte(b + s / per_byte * 32 + l) >> shift & mask;
}

/// Bit s of byte l is bit `place` of value l.
void AddBitOfGroup(const std::byte* b, int s, int place, StoredGroup& g) {
  for (int l = 0; l < kGroupInputs; ++l) g.quants[l] |= static_cast<uint8_t>((Byte(b + l) >> s & 1) << place);
}

/// Six-bit scale and minimum of group s from the 12 bytes that Q4_K and Q5_K share.
void ScalesQ4_K(const std::byte* packed, int s, StoredGroup& g) {
  int scale = Byte(packed + s % 4), minimum = Byte(packed + 4 + s % 4);
  if (s < 4) {
    scale &= 63;
    minimum &= 63;
  } else {
    const int low = Byte(packed + 8 + s % 4);
    scale = (low & 15) | (scale >> 6) << 4;
    minimum = (low >> 4) | (minimum >> 6) << 4;
  }
  g.sub_scales.fill(static_cast<int8_t>(scale));
  g.sub_minima.fill(static_cast<int8_t>(minimum));
}

void GroupQ4_K(const std::byte* b, int s, bool five, StoredGroup& g) {
  g.scale = Half(b);
  g.minimum = Negated(Half(b + 2));
  ScalesQ4_K(b + 4, s, g);
  BitsOfGroup(b + (five ? 48 : 16), s, 4, g);
  if (five) AddBitOfGroup(b + 16, s, 4, g);
}

void GroupQ2_K(const std::byte* b, int s, StoredGroup& g) {
  g.scale = Half(b + 80);
  g.minimum = Negated(Half(b + 82));
  for (int h = 0; h < 2; ++h) {
    const int both = Byte(b + 2 * s + h);
    g.sub_scales[h] = static_cast<int8_t>(both & 15);
    g.sub_minima[h] = static_cast<int8_t>(both >> 4);
  }
  BitsOfGroup(b + 16, s, 2, g);
}

void GroupQ3_K(const std::byte* b, int s, StoredGroup& g) {
  g.scale = Half(b + 108);
  for (int h = 0; h < 2; ++h) {
    const int i = 2 * s + h;
    const int low = Byte(b + 96 + i % 8) >> (i / 8 * 4) & 15, high = Byte(b + 104 + i % 4) >> (i / 4 * 2) & 3;
    g.sub_scales[h] = static_cast<int8_t>((low | high << 4) - 32);
  }
  BitsOfGroup(b + 32, s, 2, g);
  AddBitOfGroup(b, s, 2, g);
}

void GroupQ6_K(const std::byte* b, int s, StoredGroup& g) {
  g.scale = Half(b + 208);
  for (int h = 0; h < 2; ++h) g.sub_scales[h] = static_cast<int8_t>(Byte(b + 192 + 2 * s + h));
  const std::byte *low = b + s / 4 * 64 + s % 2 * 32, *high = b + 128 + s / 4 * 32;
  for (int l = 0; l < kGroupInputs; ++l) {
    g.quants[l] =
        static_cast<uint8_t>((Byte(low + l) >> (s % 4 / 2 * 4) & 15) | (Byte(high + l) >> (s % 4 * 2) & 3) << 4);
  }
}

/// As code of its own for each type: a group takes a few instructions.
template <DType type>
StoredGroup Decode(const std::byte* row, int64_t group) {
  constexpr StoredFormat kFormat = FormatOf(type);
  const DTypeInfo info = Info(type);
  const int64_t groups = info.block_size / kGroupInputs;
  const std::byte* b = row + group / groups * info.block_bytes;
  [[maybe_unused]] const int s = static_cast<int>(group % groups);
  StoredGroup g;
  if constexpr (!kFormat.super_blocks) g.scale = Half(b);
  if constexpr (!kFormat.super_blocks && kFormat.has_minimum) g.minimum = Half(b + 2);
  if constexpr (type == DType::kQ4_0) Nibbles(b + 2, g);
  if constexpr (type == DType::kQ4_1) Nibbles(b + 4, g);
  if constexpr (type == DType::kQ5_0) Nibbles(b + 6, g), AddFifthBits(b + 2, g);
  if constexpr (type == DType::kQ5_1) Nibbles(b + 8, g), AddFifthBits(b + 4, g);
  if constexpr (type == DType::kQ8_0) GroupQ8_0(b, g);
  if constexpr (type == DType::kQ2_K) GroupQ2_K(b, s, g);
  if constexpr (type == DType::kQ3_K) GroupQ3_K(b, s, g);
  if constexpr (type == DType::kQ4_K) GroupQ4_K(b, s, false, g);
  if constexpr (type == DType::kQ5_K) GroupQ4_K(b, s, true, g);
  if constexpr (type == DType::kQ6_K) GroupQ6_K(b, s, g);
  return g;
}

}  // namespace

void DecodeGroups(DType type, const std::byte* row, std::span<StoredGroup> groups) {
  ForBlockType(type, [&]<DType kType>() {
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = Decode<kType>(row, static_cast<int64_t>(i));
  });
}

}  // namespace longshot
