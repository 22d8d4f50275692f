#include "kernels/cpu/int8_matmul.h"

#include <algorithm>
#include <atomic>

#include "core/checked.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/int8_pack.h"

namespace longshot {
namespace {

/// Up to here every worker rounds all rows itself: cheaper than a barrier.
constexpr int64_t kOwnRows = 4;
/// Runs of tiles a worker takes at a time: enough to even out the workers, few enough to read long stretches.
constexpr int64_t kRunsPerWorker = 4;

}  // namespace

Int8Weights::Int8Weights(ThreadTeam& team, SharedPages& memory, const WeightSource& source)
    : outputs_(source.outputs), inputs_(source.inputs), bytes_(TileBytes(source)), memory_(memory.Take(bytes_)) {
  int64_t offset = 0;
  for (int64_t row = 0; row < outputs_; row += kTileOutputs) {
    const DType type = source.type(row);
    tiles_.push_back({type, offset});
    offset += TileLayout(type).tile_bytes(inputs_);
  }
  std::atomic<int64_t> next{0};
  team.Run([&](int) {
    for (int64_t i; (i = next.fetch_add(1)) < static_cast<int64_t>(tiles_.size());) {
      PackTile(source, i * kTileOutputs, memory_.get() + tiles_[i].offset);
    }
  });
}

Int8Matmul::Int8Matmul(ThreadTeam* team, const KernelSet* kernels, const Int8Kernels* int8_kernels)
    : team_(team), kernels_(kernels), int8_kernels_(int8_kernels) {
  for (int i = 0; i < team_->size(); ++i) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->out.resize(kMostTileRows * kTileOutputs);
  }
}

Int8Rows Int8Matmul::RowStore::Reserve(int64_t rows, int64_t inputs) {
  const int64_t readable = (rows + kReadableRows - 1) / kReadableRows * kReadableRows;
  const auto lines = static_cast<size_t>((readable * inputs + kLineBytes - 1) / kLineBytes);
  const auto groups = static_cast<size_t>(rows * inputs / kGroupInputs);
  if (quants_.size() < lines) quants_.resize(lines);
  if (scales_.size() < groups) {
    scales_.resize(groups);
    sums_.resize(groups);
    half_sums_.resize(2 * groups);
  }
  return {quants_.front().quants, scales_.data(), sums_.data(), half_sums_.data(), inputs};
}

void Int8Matmul::Quantize(const MatmulArgs& args, int64_t row, Worker& worker, const Int8Rows& to) const {
  const float* x = args.x.data + row * args.x.stride;
  if (args.norm != nullptr) {
    if (static_cast<int64_t>(worker.normalised.size()) < args.x.cols) worker.normalised.resize(args.x.cols);
    kernels_->norm_f32(x, args.norm, args.x.cols, args.norm_eps, worker.normalised.data());
    x = worker.normalised.data();
  }
  int8_kernels_->quantize(x, to.From(row, 0));
}

void Int8Matmul::RunTile(const MatmulArgs& args, const Int8Weights& weights, int64_t tile, const Int8Rows& rows,
                         Worker& worker) {
  const int64_t first = tile * kTileOutputs, outputs = std::min<int64_t>(kTileOutputs, weights.outputs() - first);
  const Int8Kernels::Multiply multiply = int8_kernels_->multiply[static_cast<int>(weights.tiles()[tile].type)];
  for (int64_t begin = 0; begin < args.x.rows; begin += kMostTileRows) {
    const int64_t count = std::min(kMostTileRows, args.x.rows - begin);
    multiply({.tile = weights.TileAt(tile),
              .rows = rows.From(begin, 0),
              .count = count,
              .out = worker.out.data(),
              .scratch = worker.scratch});
    for (int64_t r = 0; r < count; ++r) {
      FinishRow(*kernels_, args, first, outputs, &worker.out[r * kTileOutputs], begin + r);
    }
  }
}

void Int8Matmul::Run(const MatmulArgs& args, const Int8Weights& weights) {
  const bool shared = args.x.rows > kOwnRows;
  Int8Rows shared_rows;
  if (shared) {
    shared_rows = shared_.Reserve(args.x.rows, args.x.cols);
    std::atomic<int64_t> next{0};
    team_->Run([&](int w) {
      for (int64_t r; (r = next.fetch_add(1, std::memory_order_relaxed)) < args.x.rows;) {
        Quantize(args, r, *workers_[w], shared_rows);
      }
    });
  }
  const auto tiles = static_cast<int64_t>(weights.tiles().size());
  const int64_t run = std::max<int64_t>(1, tiles / (team_->size() * kRunsPerWorker));
  std::atomic<int64_t> next{0};
  team_->Run([&](int w) {
    Worker& worker = *workers_[w];
    Int8Rows rows = shared_rows;
    if (!shared) {
      rows = worker.own.Reserve(args.x.rows, args.x.cols);
      for (int64_t r = 0; r < args.x.rows; ++r) Quantize(args, r, worker, rows);
    }
    if (int8_kernels_->enter != nullptr) int8_kernels_->enter(args.x.rows);
    for (int64_t begin; (begin = next.fetch_add(run, std::memory_order_relaxed)) < tiles;) {
      const int64_t end = std::min(begin + run, tiles);
      for (int64_t tile = begin; tile < end; ++tile) RunTile(args, weights, tile, rows, worker);
    }
    if (int8_kernels_->leave != nullptr) int8_kernels_->leave();
  });
}

}  // namespace longshot
