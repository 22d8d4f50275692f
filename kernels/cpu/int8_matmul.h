#pragma once

#include <memory>
#include <vector>

#include "core/thread_team.h"
#include "kernels/cpu/host_pages.h"
#include "kernels/cpu/int8_tile.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/kernels.h"

namespace longshot {

/// A matrix in tiles of its stored types.
class Int8Weights final : public PackedWeights {
 public:
  struct Tile {
    DType type;
    int64_t offset;
  };

  /// Packs in parallel. REQUIRES: HasUniformTiles. Errors: what `source.stored` throws; kCapacity.
  Int8Weights(ThreadTeam& team, SharedPages& memory, const WeightSource& source);

  int64_t outputs() const override { return outputs_; }
  int64_t inputs() const override { return inputs_; }
  int64_t bytes() const override { return bytes_; }
  const std::vector<Tile>& tiles() const { return tiles_; }
  const std::byte* TileAt(int64_t index) const { return memory_.get() + tiles_[index].offset; }

 private:
  int64_t outputs_, inputs_, bytes_;
  std::shared_ptr<std::byte> memory_;
  std::vector<Tile> tiles_;
};

/// Products over weights as stored and rows rounded to 8 bits. Each tile is read once for all rows of a pass, by
/// whichever worker; rows never share a sum.
class Int8Matmul {
 public:
  Int8Matmul(ThreadTeam* team, const KernelSet* kernels, const Int8Kernels* int8_kernels);

  void Run(const MatmulArgs& args, const Int8Weights& weights);

 private:
  /// Memory of `rows` rounded rows, grown when a wider pass comes.
  class RowStore {
   public:
    Int8Rows Reserve(int64_t rows, int64_t inputs);

   private:
    /// Rows of tiles are read in pieces of 32 bytes: half of them would cross a line otherwise.
    struct alignas(kLineBytes) Line {
      int8_t quants[kLineBytes];
    };
    std::vector<Line> quants_;
    std::vector<float> scales_, sums_;
    std::vector<int32_t> half_sums_;
  };
  struct Worker {
    RowStore own;
    std::vector<float> normalised;  ///< [inputs]
    std::vector<float> out;         ///< [kMostTileRows, kTileOutputs]
    alignas(64) std::byte scratch[kTileScratchBytes];
  };

  void Quantize(const MatmulArgs& args, int64_t row, Worker& worker, const Int8Rows& to) const;
  void RunTile(const MatmulArgs& args, const Int8Weights& weights, int64_t tile, const Int8Rows& rows, Worker& worker);

  ThreadTeam* team_;
  const KernelSet* kernels_;
  const Int8Kernels* int8_kernels_;
  RowStore shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace longshot
