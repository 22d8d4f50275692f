#include "kernels/cpu/int8_pack.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace longshot {
namespace {

using QuadWords = std::array<uint32_t, kQuads>;

constexpr uint32_t kEveryByte = 0x01010101;

void StoreWord(std::byte* at, uint32_t word) { std::memcpy(at, &word, sizeof word); }

/// Writes bits [low, low + bits) of every quant of one output into the plane that holds them.
void StorePlane(const QuadWords& quads, int low, int bits, std::byte* plane, int output) {
  const int per_byte = 8 / bits, vectors = bits;  // kQuads / per_byte
  const uint32_t mask = kEveryByte * ((1u << bits) - 1);
  std::byte* at = plane + output / 16 * vectors * kLineBytes + output % 16 * 4;
  for (int v = 0; v < vectors; ++v) {
    uint32_t word = 0;
    for (int i = 0; i < per_byte; ++i) {
      const int quad = bits == 4 ? v + 4 * i : v * per_byte + i;
      word |= (quads[quad] >> low & mask) << (i * bits);
    }
    StoreWord(at + v * kLineBytes, word);
  }
}

void StoreQuants(const StoredGroup& g, const TileLayout& layout, std::byte* group, int output) {
  QuadWords quads;
  static_assert(sizeof quads == sizeof g.quants);
  std::memcpy(quads.data(), g.quants.data(), sizeof quads);
  if (layout.format.bits == 8) {
    std::byte* at = group + output / 16 * kQuads * kLineBytes + output % 16 * 4;
    for (int t = 0; t < kQuads; ++t) StoreWord(at + t * kLineBytes, quads[t]);
    return;
  }
  int low = 0;
  for (const int bits : {4, 2, 1}) {
    if ((layout.format.bits & bits) == 0) continue;
    StorePlane(quads, low, bits, group + layout.plane_offset(low), output);
    low += bits;
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
  const DType type = source.type(first);
  const TileLayout layout(type);
  const int64_t end = std::min(first + kTileOutputs, source.outputs), groups = source.inputs / kGroupInputs;
  for (int64_t row = first; row < end; ++row) {
    const std::byte* stored = source.stored(row);
    const auto output = static_cast<int>(row - first);
    for (int64_t i = 0; i < groups; ++i) {
      const StoredGroup g = DecodeGroup(type, stored, i);
      StoreQuants(g, layout, to + layout.group_offset(i), output);
      StoreScales(g, layout, to + layout.header_offset(i), to + layout.group_offset(i), output);
    }
  }
}

}  // namespace longshot
