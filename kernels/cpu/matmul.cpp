#include "kernels/cpu/matmul.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/checked.h"
#include "core/stopwatch.h"
#include "kernels/cpu/epilogue.h"

namespace longshot {
namespace {

/// Packed bytes a chunk aims at: it stays in the second-level cache while prefill loops over row tiles.
constexpr int64_t kChunkBytes = 512 << 10;
/// Chunks a matrix has at least, so that a small team shares it evenly.
constexpr int64_t kMinChunks = 4;
/// Outputs to which the library pads a packed matrix: chunks of other sizes would hold and read zeros.
constexpr int64_t kLibraryColumns = 64;

dnnl::memory::data_type DataType(WeightType type) {
  return type == WeightType::kBF16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

}  // namespace

/// The library's product of one tile, [kRowTile, inputs] x [inputs, outputs], for weights in the layout it chose.
struct CpuMatmul::Product {
  struct PerWorker {
    dnnl::memory source, destination, scratchpad;
  };

  dnnl::memory::desc weights;
  dnnl::matmul primitive;
  std::vector<PerWorker> workers;
};

struct CpuMatmul::Weights final : PackedWeights {
  int64_t outputs() const override { return outputs_; }
  int64_t inputs() const override { return inputs_; }
  int64_t bytes() const override { return bytes_; }

  struct Chunk {
    int64_t first, outputs;
    Product* product;
    dnnl::memory memory;
  };

  int64_t outputs_ = 0, inputs_ = 0, bytes_ = 0;
  std::vector<Chunk> chunks_;
};

struct CpuMatmul::Worker {
  explicit Worker(const dnnl::engine& engine) : stream(engine) {}

  /// Makes room for a tile of rows of `row_bytes` and for its product with a chunk.
  void Reserve(int64_t row_bytes, int64_t chunk_outputs) {
    rows.resize(std::max(rows.size(), static_cast<size_t>(kRowTile * row_bytes)));
    tile.resize(std::max(tile.size(), static_cast<size_t>(kRowTile * chunk_outputs)));
  }

  dnnl::stream stream;
  std::vector<std::byte> rows;  ///< a tile of prepared rows
  std::vector<float> tile;      ///< [kRowTile, chunk outputs]
};

CpuMatmul::CpuMatmul(ThreadTeam* team, const KernelSet* kernels, WeightType type)
    : team_(team), kernels_(kernels), type_(type), engine_(dnnl::engine::kind::cpu, 0) {
  // The library parallelises with OpenMP; here it runs inside the team, one thread per call.
  team_->Run([](int) { omp_set_num_threads(1); });
  for (int i = 0; i < team_->size(); ++i) workers_.push_back(std::make_unique<Worker>(engine_));
}

CpuMatmul::~CpuMatmul() = default;

int64_t CpuMatmul::ChunkOutputs(int64_t outputs, int64_t inputs) const {
  const int64_t bytes = CheckedProduct({outputs, inputs, ElementBytes()}, "weights");
  const int64_t chunks = RoundUp(std::max(CeilDiv(bytes, kChunkBytes), kMinChunks), kMinChunks);
  const int64_t nearest = (outputs / chunks + kLibraryColumns / 2) / kLibraryColumns * kLibraryColumns;
  return std::min(std::max(nearest, kLibraryColumns), outputs);
}

dnnl::matmul::primitive_desc CpuMatmul::LibraryProduct(int64_t rows, int64_t outputs, int64_t inputs) const {
  using dnnl::memory;
  const memory::desc source({rows, inputs}, DataType(type_), memory::format_tag::ab);
  const memory::desc any({inputs, outputs}, DataType(type_), memory::format_tag::any);
  const memory::desc destination({rows, outputs}, memory::data_type::f32, memory::format_tag::ab);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return {dnnl::matmul::desc(source, any, destination), attributes, engine_};
}

CpuMatmul::Product& CpuMatmul::ProductFor(int64_t outputs, int64_t inputs) {
  std::unique_ptr<Product>& product = products_[{outputs, inputs}];
  if (product) return *product;
  product = std::make_unique<Product>();
  const dnnl::matmul::primitive_desc description = LibraryProduct(kRowTile, outputs, inputs);
  product->weights = description.weights_desc();
  product->primitive = dnnl::matmul(description);
  for (int i = 0; i < team_->size(); ++i) {
    product->workers.push_back({dnnl::memory(description.src_desc(), engine_, nullptr),
                                dnnl::memory(description.dst_desc(), engine_, nullptr),
                                dnnl::memory(description.scratchpad_desc(), engine_)});
  }
  return *product;
}

std::unique_ptr<PackedWeights> CpuMatmul::Pack(int64_t outputs, int64_t inputs, const RowReader& rows) {
  auto weights = std::make_unique<Weights>();
  weights->outputs_ = outputs;
  weights->inputs_ = inputs;
  const int64_t step = ChunkOutputs(outputs, inputs);
  for (int64_t first = 0; first < outputs; first += step) {
    const int64_t count = std::min(step, outputs - first);
    Product& product = ProductFor(count, inputs);
    weights->chunks_.push_back({first, count, &product, dnnl::memory(product.weights, engine_)});
    weights->bytes_ += static_cast<int64_t>(product.weights.get_size());
  }
  for (const auto& worker : workers_) worker->Reserve(inputs * ElementBytes(), std::min(step, outputs));
  std::atomic<size_t> next{0};
  team_->Run([&](int w) {
    std::vector<float> plain;
    for (size_t i; (i = next.fetch_add(1)) < weights->chunks_.size();) {
      Weights::Chunk& chunk = weights->chunks_[i];
      plain.resize(static_cast<size_t>(chunk.outputs * inputs));
      for (int64_t r = 0; r < chunk.outputs; ++r) {
        rows(chunk.first + r, std::span(plain).subspan(r * inputs, inputs));
      }
      dnnl::memory source({{inputs, chunk.outputs}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ba},
                          engine_, plain.data());
      dnnl::reorder(source, chunk.memory).execute(workers_[w]->stream, source, chunk.memory);
    }
  });
  return weights;
}

int64_t CpuMatmul::PackedBytes(int64_t outputs, int64_t inputs) const {
  // The library's layout is padded: it is asked, chunk by chunk, as `Pack` does.
  const auto bytes = [&](int64_t count) {
    return static_cast<int64_t>(LibraryProduct(kRowTile, count, inputs).weights_desc().get_size());
  };
  const int64_t step = ChunkOutputs(outputs, inputs), rest = outputs % step;
  return outputs / step * bytes(step) + (rest != 0 ? bytes(rest) : 0);
}

double CpuMatmul::PeakRate() {
  // In f32 registers alone may be faster than the library.
  return type_ == WeightType::kF32 ? std::max(LibraryRate(), RegisterRate()) : LibraryRate();
}

double CpuMatmul::RegisterRate() {
  constexpr int64_t kRounds = 1 << 20;
  constexpr int kTries = 30;
  std::vector<double> operations(static_cast<size_t>(team_->size()));
  double least_ms = std::numeric_limits<double>::max();
  for (int i = 0; i < kTries; ++i) {
    Stopwatch watch;
    team_->Run([&](int w) { operations[static_cast<size_t>(w)] = kernels_->multiply_adds(kRounds); });
    least_ms = std::min(least_ms, watch.LapMs());
  }
  return std::accumulate(operations.begin(), operations.end(), 0.0) / least_ms * 1e3;
}

double CpuMatmul::LibraryRate() {
  // Large enough that loads vanish, small enough that a worker's matrices stay in its second-level cache.
  constexpr int64_t kRows = 512, kOutputs = 512, kInputs = 1024;
  constexpr int kTries = 30;
  const dnnl::matmul::primitive_desc description = LibraryProduct(kRows, kOutputs, kInputs);
  const dnnl::matmul product(description);
  struct Operands {
    dnnl::memory source, weights, destination, scratchpad;
  };
  std::vector<Operands> operands;
  for (int i = 0; i < team_->size(); ++i) {
    operands.push_back(
        {dnnl::memory(description.src_desc(), engine_), dnnl::memory(description.weights_desc(), engine_),
         dnnl::memory(description.dst_desc(), engine_), dnnl::memory(description.scratchpad_desc(), engine_)});
    std::memset(operands[i].source.get_data_handle(), 0, description.src_desc().get_size());
    std::memset(operands[i].weights.get_data_handle(), 0, description.weights_desc().get_size());
  }
  double least_ms = std::numeric_limits<double>::max();
  for (int i = 0; i < kTries; ++i) {
    Stopwatch watch;
    team_->Run([&](int w) {
      product.execute(workers_[w]->stream, {{DNNL_ARG_SRC, operands[w].source},
                                            {DNNL_ARG_WEIGHTS, operands[w].weights},
                                            {DNNL_ARG_DST, operands[w].destination},
                                            {DNNL_ARG_SCRATCHPAD, operands[w].scratchpad}});
    });
    least_ms = std::min(least_ms, watch.LapMs());
  }
  return 2.0 * kRows * kOutputs * kInputs * team_->size() / least_ms * 1e3;
}

void CpuMatmul::PrepareRows(const MatmulArgs& args, int64_t begin, int64_t end, std::byte* to) const {
  const int64_t inputs = args.x.cols;
  for (int64_t r = begin; r < end; ++r, to += inputs * ElementBytes()) {
    if (r >= args.x.rows) {
      std::memset(to, 0, inputs * ElementBytes());
    } else if (type_ == WeightType::kBF16) {
      kernels_->norm_bf16(args.x.data + r * args.x.stride, args.norm, inputs, args.norm_eps,
                          reinterpret_cast<uint16_t*>(to));
    } else {
      kernels_->norm_f32(args.x.data + r * args.x.stride, args.norm, inputs, args.norm_eps,
                         reinterpret_cast<float*>(to));
    }
  }
}

void CpuMatmul::RunTile(const MatmulArgs& args, const Weights& weights, int64_t chunk_index, int64_t first_row,
                        const std::byte* rows, int w) {
  const Weights::Chunk& chunk = weights.chunks_[chunk_index];
  Product::PerWorker& memory = chunk.product->workers[w];
  Worker& worker = *workers_[w];
  memory.source.set_data_handle(const_cast<std::byte*>(rows));
  memory.destination.set_data_handle(worker.tile.data());
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memory.source.get()},
                                       {DNNL_ARG_WEIGHTS, chunk.memory.get()},
                                       {DNNL_ARG_DST, memory.destination.get()},
                                       {DNNL_ARG_SCRATCHPAD, memory.scratchpad.get()}};
  const dnnl_status_t status =
      dnnl_primitive_execute(chunk.product->primitive.get(), worker.stream.get(), 4, arguments);
  CHECK(status == dnnl_success, "matrix product: oneDNN status {}", static_cast<int>(status));
  const int64_t end = std::min(first_row + kRowTile, args.x.rows);
  for (int64_t r = first_row; r < end; ++r) {
    FinishRow(*kernels_, args, chunk.first, chunk.outputs, &worker.tile[(r - first_row) * chunk.outputs], r);
  }
}

void CpuMatmul::Run(const MatmulArgs& args) {
  const auto& weights = static_cast<const Weights&>(*args.weights);
  const int64_t tiles = CeilDiv(args.x.rows, kRowTile), tile_bytes = kRowTile * args.x.cols * ElementBytes();
  const auto chunks = static_cast<int64_t>(weights.chunks_.size());
  std::atomic<int64_t> next{0};
  if (tiles == 1) {
    // Preparing a tile costs less than a barrier: every worker makes its own.
    team_->Run([&](int w) {
      auto& rows = workers_[w]->rows;
      PrepareRows(args, 0, kRowTile, rows.data());
      for (int64_t c; (c = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
        RunTile(args, weights, c, 0, rows.data(), w);
      }
    });
    return;
  }
  if (static_cast<int64_t>(shared_rows_.size()) < tiles * tile_bytes) shared_rows_.resize(tiles * tile_bytes);
  team_->ForRange(tiles * kRowTile, 1, [&](int64_t begin, int64_t end) {
    PrepareRows(args, begin, end, shared_rows_.data() + begin * args.x.cols * ElementBytes());
  });
  team_->Run([&](int w) {
    for (int64_t c; (c = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      for (int64_t t = 0; t < tiles; ++t) {
        RunTile(args, weights, c, t * kRowTile, shared_rows_.data() + t * tile_bytes, w);
      }
    }
  });
}

}  // namespace longshot
