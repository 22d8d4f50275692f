#include "kernels/cpu/int8_pack.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace longshot {
namespace {

using QuadWords = std::array<uint32_t, kQuads>;

constexpr uint32_t kEveryByte = 0x01010101;

void StoreWord(std::byte* at, uint32_t word) { std::memcpy(at, &word, sizeof word); }

/// Writes kBits bits of every quant of one output, from bit kLow on, into the plane that holds them.
template <int kLow, int kBits>
void StorePlane(const QuadWords& quads, std::byte* plane, int output) {
  constexpr int kPerByte = 8 / kBits, kVectors = kBits;  // kQuads / kPerByte
  constexpr uint32_t kMask = kEveryByte * ((1u << kBits) - 1);
  std::byte* at = plane + output / 16 * kVectors * kLineBytes + output % 16 * 4;
  for (int v = 0; v < kVectors; ++v) {
    uint32_t word = 0;
    for (int i = 0; i < kPerByte; ++i) {
      const int quad = kBits == 4 ? v + 4 * i : v * kPerByte + i;
      word |= (quads[quad] >> kLow & kMask) << (i * kBits);
    }
    StoreWord(at + v * kLineBytes, word);
  }
}

template <DType type>
void StoreQuants(const StoredGroup& g, std::byte* group, int output) {
  constexpr TileLayout kLayout(type);
  constexpr int kAll = kLayout.format.bits;
  QuadWords quads;
  static_assert(sizeof quads == sizeof g.quants);
  std::memcpy(quads.data(), g.quants.data(), sizeof quads);
  if constexpr (kAll == 8) {
    std::byte* at = group + output / 16 * kQuads * kLineBytes + output % 16 * 4;
    for (int t = 0; t < kQuads; ++t) StoreWord(at + t * kLineBytes, quads[t]);
  } else {
    constexpr int kTwo = kAll & 4, kOne = kAll & 6;  // where planes of 2 bits and of 1 bit begin
    if constexpr (kAll & 4) StorePlane<0, 4>(quads, group, output);
    if constexpr (kAll & 2) StorePlane<kTwo, 2>(quads, group + kLayout.plane_offset(kTwo), output);
    if constexpr (kAll & 1) StorePlane<kOne, 1>(quads, group + kLayout.plane_offset(kOne), output);
  }
}

void StoreHalf(std::byte* table, int output, uint16_t half) { std::memcpy(table + output * 2, &half, sizeof half); }

void StoreScales(const StoredGroup& g, const TileLayout& layout, std::byte* header, std::byte* group, int output) {
  std::byte* tables = group + layout.quant_bytes();
  if (!layout.format.super_blocks) {
    StoreHalf(tables, output, g.scale);
    if (layout.format.has_minimum) StoreHalf(tables + layout.group_table(), output, g.minimum);
    return;
  }
  StoreHalf(header, output, g.scale);
  if (layout.format.has_minimum) StoreHalf(header + layout.half_table(), output, g.minimum);
  for (int part = 0; part < (layout.format.halves ? 2 : 1); ++part) {
    const int at = part * kTileOutputs + output;
    tables[at] = static_cast<std::byte>(g.sub_scales[part]);
    if (layout.format.has_minimum) tables[layout.group_table() + at] = static_cast<std::byte>(g.sub_minima[part]);
  }
}

/// Q4_0 and Q4_1 hold element j in the low half of byte j, element j + 16 in its high half: word v of these bytes is
/// word v of the plane, so a start is not spent on taking them apart and together again.
template <DType type>
constexpr bool kNibblesAsStored = type == DType::kQ4_0 || type == DType::kQ4_1;

template <DType type>
void PackNibbleRow(const std::byte* stored, int64_t groups, int output, std::byte* to) {
  constexpr TileLayout kLayout(type);
  constexpr bool kMinimum = kLayout.format.has_minimum;
  constexpr int64_t kBlockBytes = Info(type).block_bytes, kNibbles = kMinimum ? 4 : 2;
  for (int64_t i = 0; i < groups; ++i) {
    const std::byte* block = stored + i * kBlockBytes;
    std::byte* group = to + kLayout.group_offset(i);
    std::byte* plane = group + output / 16 * 4 * kLineBytes + output % 16 * 4;
    for (int v = 0; v < 4; ++v) std::memcpy(plane + v * kLineBytes, block + kNibbles + 4 * v, 4);
    std::byte* tables = group + kLayout.quant_bytes() + output * 2;
    std::memcpy(tables, block, 2);
    if constexpr (kMinimum) std::memcpy(tables + kLayout.group_table(), block + 2, 2);
  }
}

template <DType type>
void PackRows(const WeightSource& source, int64_t first, std::byte* to) {
  constexpr TileLayout kLayout(type);
  const int64_t end = std::min(first + kTileOutputs, source.outputs), groups = source.inputs / kGroupInputs;
  if constexpr (kNibblesAsStored<type>) {
    for (int64_t row = first; row < end; ++row) {
      PackNibbleRow<type>(source.stored(row), groups, static_cast<int>(row - first), to);
    }
    return;
  }
  std::vector<StoredGroup> decoded(static_cast<size_t>(groups));
  for (int64_t row = first; row < end; ++row) {
    DecodeGroups(type, source.stored(row), decoded);
    const auto output = static_cast<int>(row - first);
    for (int64_t i = 0; i < groups; ++i) {
      const StoredGroup& g = decoded[i];
      StoreQuants<type>(g, to + kLayout.group_offset(i), output);
      StoreScales(g, kLayout, to + kLayout.header_offset(i), to + kLayout.group_offset(i), output);
    }
  }
}

}  // namespace

bool HasUniformTiles(const WeightSource& source) {
  DType tile = DType::kF32;
  for (int64_t row = 0; row < source.outputs; ++row) {
    const DType type = source.type(row);
    if (!IsBlockType(type) || (row % kTileOutputs != 0 && type != tile)) return false;
    tile = type;
  }
  return true;
}

int64_t TileBytes(const WeightSource& source) {
  int64_t bytes = 0;
  for (int64_t row = 0; row < source.outputs; row += kTileOutputs) {
    bytes += TileLayout(source.type(row)).tile_bytes(source.inputs);
  }
  return bytes;
}

void PackTile(const WeightSource& source, int64_t first, std::byte* to) {
  ForBlockType(source.type(first), [&]<DType type>() { PackRows<type>(source, first, to); });
}

}  // namespace longshot
