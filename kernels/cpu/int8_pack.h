#pragma once

#include <cstdint>

#include "kernels/cpu/int8_tile.h"
#include "kernels/kernels.h"

namespace longshot {

/// Whether every tile of the matrix has rows of one block type: what the int8 products read. REQUIRES: source.type.
bool HasUniformTiles(const WeightSource& source);

/// Bytes of all tiles. REQUIRES: HasUniformTiles.
int64_t TileBytes(const WeightSource& source);

/// Packs the tile of outputs [first, first + kTileOutputs) from the stored rows; outputs beyond the matrix stay as
/// they are. REQUIRES: `to` holds zeros.
void PackTile(const WeightSource& source, int64_t first, std::byte* to);

}  // namespace longshot
