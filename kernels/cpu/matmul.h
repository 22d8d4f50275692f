#pragma once

#include <dnnl.hpp>

#include <map>
#include <memory>
#include <vector>

#include "core/thread_team.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/kernels.h"

namespace longshot {

/// Rows of every library product: fewer are padded, more are looped over. One tile shape for decode, verification and
/// prefill keeps a row's numbers independent of how many rows are computed.
inline constexpr int64_t kRowTile = 16;

/// Dense products through oneDNN. A matrix is packed once in chunks of output rows; each worker runs whole chunks,
/// single-threaded, and applies the epilogue while the tile is in cache.
class CpuMatmul {
 public:
  CpuMatmul(ThreadTeam* team, const KernelSet* kernels, WeightType type);
  ~CpuMatmul();

  std::unique_ptr<PackedWeights> Pack(int64_t outputs, int64_t inputs, const RowReader& rows);
  int64_t PackedBytes(int64_t outputs, int64_t inputs) const;
  void Run(const MatmulArgs& args);
  /// Operations per second of large products, or of f32 multiply-adds on registers where those are faster: what a
  /// benchmark calls the roof.
  double PeakRate();

 private:
  struct Product;
  struct Weights;
  struct Worker;

  /// One large product of the library per worker.
  double LibraryRate();
  double RegisterRate();
  int64_t ElementBytes() const { return type_ == WeightType::kBF16 ? 2 : 4; }
  int64_t ChunkOutputs(int64_t outputs, int64_t inputs) const;
  dnnl::matmul::primitive_desc LibraryProduct(int64_t rows, int64_t outputs, int64_t inputs) const;
  Product& ProductFor(int64_t outputs, int64_t inputs);
  void PrepareRows(const MatmulArgs& args, int64_t begin, int64_t end, std::byte* to) const;
  void RunTile(const MatmulArgs& args, const Weights& weights, int64_t chunk, int64_t first_row, const std::byte* rows,
               int worker);

  ThreadTeam* team_;
  const KernelSet* kernels_;
  WeightType type_;
  dnnl::engine engine_;
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Product>> products_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::byte> shared_rows_;
};

}  // namespace longshot
