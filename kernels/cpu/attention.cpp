#include "kernels/cpu/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/checked.h"
#include "kernels/cpu/half.h"

namespace longshot {
namespace {

constexpr int64_t kBlocksPerChunk = kKeyChunk / kKeyBlock;
constexpr float kNothingSeen = -std::numeric_limits<float>::infinity();

const RowTypeKernel& KernelFor(const KernelSet& set, DType type) {
  return type == DType::kF32 ? set.f32 : type == DType::kF16 ? set.f16 : set.bf16;
}

/// Bits of block `block` that lie in positions [begin, end).
uint64_t RangeMask(int64_t block, int64_t begin, int64_t end) {
  const int64_t lo = std::max<int64_t>(begin - block * kKeyBlock, 0);
  const int64_t hi = std::min<int64_t>(end - block * kKeyBlock, kKeyBlock);
  if (lo >= hi) return 0;
  const uint64_t below_hi = hi == kKeyBlock ? ~uint64_t{0} : (uint64_t{1} << hi) - 1;
  return below_hi & ~((uint64_t{1} << lo) - 1);
}

/// Committed positions of the block that the view names.
uint64_t ViewMask(const HeadView& view, int64_t block, int64_t base) {
  uint64_t mask = RangeMask(block, view.tail_begin, base);
  const int64_t begin = block * kKeyBlock;
  auto range = std::lower_bound(view.ranges.begin(), view.ranges.end(), begin,
                                [](const KeyRange& r, int64_t position) { return r.end <= position; });
  for (; range != view.ranges.end() && range->begin < begin + kKeyBlock; ++range) {
    mask |= RangeMask(block, range->begin, std::min(range->end, base));
  }
  return mask;
}

/// Committed positions of the block that the view does not name. A probability of zero does not hide a value that is
/// not a number, so their values are not multiplied at all.
uint64_t HiddenMask(uint64_t visible, int64_t block, int64_t base) { return RangeMask(block, 0, base) & ~visible; }

/// (max, sum, acc) of `to` becomes that of both: the log-sum-exp merge. An empty side is the identity.
void Merge(float max, float sum, const float* acc, int dim, float& to_max, float& to_sum, float* to_acc) {
  if (max == kNothingSeen) return;
  if (to_max == kNothingSeen) {
    to_max = max, to_sum = sum;
    std::memcpy(to_acc, acc, static_cast<size_t>(dim) * sizeof(float));
    return;
  }
  const float new_max = std::max(max, to_max);
  const float a = std::exp2(to_max - new_max), b = std::exp2(max - new_max);
  to_max = new_max;
  to_sum = to_sum * a + sum * b;
  for (int d = 0; d < dim; ++d) to_acc[d] = to_acc[d] * a + acc[d] * b;
}

}  // namespace

struct CpuAttention::Plan {
  const AttentionArgs& args;
  const CpuKv& kv;
  int group;  ///< query heads per KV head
  int dim;    ///< padded head dim
  float scale;
  int64_t tokens;    ///< T
  int64_t in_place;  ///< blocks below this hold written slots at their own positions
  int64_t chunks;
  int64_t tokens_per_unit;
  int64_t units;
  const RowTypeKernel& keys;
  const RowTypeKernel& values;

  int64_t position(int64_t token) const { return args.topology.base + args.topology.depth[args.first_row + token]; }
  const HeadView& view(int head) const { return args.views[args.views.size() == 1 ? 0 : head]; }
};

/// Query rows that are attended together: a few tokens, all query heads of one KV head.
struct CpuAttention::Unit {
  Unit(const Plan& plan, int64_t index)
      : head(static_cast<int>(index % plan.kv.geometry().kv_heads)),
        first(index / plan.kv.geometry().kv_heads * plan.tokens_per_unit),
        tokens(std::min(plan.tokens_per_unit, plan.tokens - first)) {
    for (int64_t t = 0; t < tokens; ++t) last_position = std::max(last_position, plan.position(first + t));
  }

  int head;
  int64_t first, tokens;
  int64_t last_position = 0;
};

void CpuAttention::State::Reserve(int dim) {
  const size_t padded = static_cast<size_t>(kMaxQueryRows + 16);
  if (acc.size() < padded * dim) max.resize(padded), sum.resize(padded), acc.resize(padded * dim);
}

void CpuAttention::State::Reset(int rows, int dim) {
  std::fill_n(max.begin(), rows, kNothingSeen);
  std::fill_n(sum.begin(), rows, 0.0f);
  std::fill_n(acc.begin(), static_cast<size_t>(rows) * dim, 0.0f);
}

void CpuAttention::Reserve(const Plan& plan) {
  const auto grow = [](auto& memory, int64_t size) {
    if (static_cast<int64_t>(memory.size()) < size) memory.resize(size);
  };
  for (Worker& worker : workers_) {
    worker.chunk.Reserve(plan.dim);
    worker.total.Reserve(plan.dim);
    grow(worker.queries, int64_t{kMaxQueryRows + 16} * plan.dim);
    grow(worker.bf16_queries, int64_t{kMaxQueryRows + 16} * plan.dim);
    grow(worker.masks, kMaxQueryRows);
    grow(worker.key_block, plan.kv.key_block_bytes());
    grow(worker.value_block, plan.kv.value_block_bytes());
  }
  // Partial results of the most rows that are split, at the longest context that the cache holds.
  const KvGeometry& geometry = plan.kv.geometry();
  const int64_t rows = CeilDiv(SplitUnits(), geometry.kv_heads) * plan.tokens_per_unit * plan.args.heads;
  grow(partials_, rows * CeilDiv(geometry.capacity, kKeyChunk) * (plan.dim + 2));
}

void CpuAttention::PrepareQueries(const Plan& plan, const Unit& unit, Worker& worker) const {
  const int head_dim = plan.kv.geometry().head_dim;
  for (int64_t t = 0; t < unit.tokens; ++t) {
    for (int g = 0; g < plan.group; ++g) {
      const float* q = plan.args.q.data + (unit.first + t) * plan.args.q.stride +
                       static_cast<int64_t>(unit.head * plan.group + g) * head_dim;
      const int64_t row = (t * plan.group + g) * plan.dim;
      for (int d = 0; d < plan.dim; ++d) {
        const float x = d < head_dim ? q[d] * plan.scale : 0.0f;
        worker.queries[row + d] = x;
        worker.bf16_queries[row + d] = ToBf16(x);
      }
    }
  }
}

void CpuAttention::AttendInPlace(const Plan& plan, const Unit& unit, int64_t block, const SoftmaxRows& rows,
                                 Worker& worker) const {
  const int64_t base = plan.args.topology.base;
  const uint64_t committed = ViewMask(plan.view(unit.head), block, base);
  uint64_t any = 0;
  for (int64_t t = 0; t < unit.tokens; ++t) {
    const uint64_t mask = committed | RangeMask(block, base, plan.position(unit.first + t) + 1);
    for (int g = 0; g < plan.group; ++g) worker.masks[t * plan.group + g] = mask;
    any |= mask;
  }
  if (any == 0) return;
  const int layer = plan.args.layer;
  plan.keys.score(rows, 0, rows.count, plan.kv.KeyBlock(layer, unit.head, block), worker.scratch);
  kernels_->softmax(rows, 0, rows.count, worker.masks.data(), worker.scratch);
  const std::byte* values = plan.kv.ValueBlock(layer, unit.head, block);
  if (const uint64_t hidden = HiddenMask(committed, block, base); hidden != 0) {
    std::memcpy(worker.value_block.data(), values, plan.kv.value_block_bytes());
    plan.kv.ZeroValues(hidden, worker.value_block.data());
    values = worker.value_block.data();
  }
  plan.values.accumulate(rows, 0, rows.count, values, worker.scratch);
}

void CpuAttention::AttendAssembled(const Plan& plan, const Unit& unit, int64_t block, const SoftmaxRows& rows,
                                   Worker& worker) const {
  const RowTopology& topology = plan.args.topology;
  const int64_t begin = block * kKeyBlock, base = topology.base;
  const int layer = plan.args.layer, head = unit.head;
  // Committed rows come with the block; places beyond them are filled below or must at least be finite.
  std::byte *keys = worker.key_block.data(), *values = worker.value_block.data();
  std::memset(keys, 0, plan.kv.key_block_bytes());
  std::memset(values, 0, plan.kv.value_block_bytes());
  plan.kv.CopyLeadingRows(layer, head, block, std::clamp<int64_t>(base - begin, 0, kKeyBlock), keys, values);
  const uint64_t committed = ViewMask(plan.view(head), block, base);
  plan.kv.ZeroValues(HiddenMask(committed, block, base), values);
  for (int64_t t = 0; t < unit.tokens; ++t) {
    const int64_t position = plan.position(unit.first + t);
    if (position < begin) continue;
    int64_t node = plan.args.first_row + unit.first + t;
    for (int64_t p = position; p >= std::max(base, begin); --p, node = topology.parent[node]) {
      if (p >= begin + kKeyBlock) continue;
      plan.kv.CopyKey(layer, head, base + node, keys, static_cast<int>(p - begin));
      plan.kv.CopyValue(layer, head, base + node, values, static_cast<int>(p - begin));
    }
    const uint64_t mask = committed | RangeMask(block, base, position + 1);
    std::fill_n(worker.masks.begin(), plan.group, mask);
    const int row = static_cast<int>(t) * plan.group;
    plan.keys.score(rows, row, plan.group, keys, worker.scratch);
    kernels_->softmax(rows, row, plan.group, worker.masks.data(), worker.scratch);
    plan.values.accumulate(rows, row, plan.group, values, worker.scratch);
  }
}

void CpuAttention::RunChunk(const Plan& plan, const Unit& unit, int64_t chunk, Worker& worker) const {
  const int count = static_cast<int>(unit.tokens) * plan.group;
  worker.chunk.Reset(count, plan.dim);
  const void* queries = plan.keys.bf16_queries ? static_cast<const void*>(worker.bf16_queries.data())
                                               : static_cast<const void*>(worker.queries.data());
  const SoftmaxRows rows{
      count, plan.dim, queries, worker.chunk.max.data(), worker.chunk.sum.data(), worker.chunk.acc.data()};
  const int64_t end = std::min((chunk + 1) * kBlocksPerChunk, unit.last_position / kKeyBlock + 1);
  for (int64_t block = chunk * kBlocksPerChunk; block < end; ++block) {
    if (block < plan.in_place) {
      AttendInPlace(plan, unit, block, rows, worker);
    } else {
      AttendAssembled(plan, unit, block, rows, worker);
    }
  }
}

void CpuAttention::RunWhole(const Plan& plan, const Unit& unit, Worker& worker) const {
  const int count = static_cast<int>(unit.tokens) * plan.group;
  const int head_dim = plan.kv.geometry().head_dim;
  PrepareQueries(plan, unit, worker);
  worker.total.Reset(count, plan.dim);
  for (int64_t chunk = 0; chunk <= unit.last_position / kKeyChunk; ++chunk) {
    RunChunk(plan, unit, chunk, worker);
    for (int r = 0; r < count; ++r) {
      Merge(worker.chunk.max[r], worker.chunk.sum[r], &worker.chunk.acc[r * plan.dim], plan.dim, worker.total.max[r],
            worker.total.sum[r], &worker.total.acc[r * plan.dim]);
    }
  }
  for (int r = 0; r < count; ++r) {
    float* out = plan.args.out.data + (unit.first + r / plan.group) * plan.args.out.stride +
                 static_cast<int64_t>(unit.head * plan.group + r % plan.group) * head_dim;
    for (int d = 0; d < head_dim; ++d) out[d] = worker.total.acc[r * plan.dim + d] / worker.total.sum[r];
  }
}

void CpuAttention::RunSplit(const Plan& plan) {
  const int64_t record = plan.dim + 2;
  std::atomic<int64_t> next{0};
  team_->Run([&](int w) {
    Worker& worker = workers_[w];
    int64_t prepared = -1;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < plan.units * plan.chunks;) {
      const Unit unit(plan, i / plan.chunks);
      const int64_t chunk = i % plan.chunks;
      if (prepared != i / plan.chunks) PrepareQueries(plan, unit, worker);
      prepared = i / plan.chunks;
      RunChunk(plan, unit, chunk, worker);
      for (int r = 0; r < unit.tokens * plan.group; ++r) {
        const int64_t row = (unit.first + r / plan.group) * plan.args.heads + unit.head * plan.group + r % plan.group;
        float* partial = &partials_[(row * plan.chunks + chunk) * record];
        partial[0] = worker.chunk.max[r], partial[1] = worker.chunk.sum[r];
        std::memcpy(partial + 2, &worker.chunk.acc[r * plan.dim], static_cast<size_t>(plan.dim) * sizeof(float));
      }
    }
  });
  team_->ForRange(plan.tokens * plan.args.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      MergePartials(plan, row / plan.args.heads, static_cast<int>(row % plan.args.heads));
    }
  });
}

void CpuAttention::MergePartials(const Plan& plan, int64_t row, int head) const {
  const int64_t record = plan.dim + 2;
  const float* partial = &partials_[(row * plan.args.heads + head) * plan.chunks * record];
  float max = kNothingSeen, sum = 0.0f, acc[512];
  for (int64_t chunk = 0; chunk < plan.chunks; ++chunk, partial += record) {
    Merge(partial[0], partial[1], partial + 2, plan.dim, max, sum, acc);
  }
  const int head_dim = plan.kv.geometry().head_dim;
  float* out = plan.args.out.data + row * plan.args.out.stride + static_cast<int64_t>(head) * head_dim;
  for (int d = 0; d < head_dim; ++d) out[d] = acc[d] / sum;
}

void CpuAttention::Run(const AttentionArgs& args) {
  const auto& kv = static_cast<const CpuKv&>(*args.kv);
  const KvGeometry& geometry = kv.geometry();
  static_assert(kMaxHeadGroup <= kMaxQueryRows);
  CHECK(args.heads % geometry.kv_heads == 0 && args.heads / geometry.kv_heads <= kMaxHeadGroup);
  CHECK(kv.dim() <= kMaxHeadDim);
  const RowTopology& topology = args.topology;
  const int group = args.heads / geometry.kv_heads;
  // In a chain, slots are positions: blocks that the pass has filled can be read in place too.
  const int64_t slots = topology.chain ? topology.base + args.first_row + args.q.rows : topology.base;
  Plan plan{.args = args,
            .kv = kv,
            .group = group,
            .dim = kv.dim(),
            .scale = static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(geometry.head_dim))),
            .tokens = args.q.rows,
            .in_place = slots / kKeyBlock,
            .chunks = 0,
            .tokens_per_unit = std::max(1, kMaxQueryRows / group),
            .units = 0,
            .keys = KernelFor(*kernels_, geometry.k_type),
            .values = KernelFor(*kernels_, geometry.v_type)};
  plan.units = CeilDiv(plan.tokens, plan.tokens_per_unit) * geometry.kv_heads;
  for (int64_t t = 0; t < plan.tokens; ++t) plan.chunks = std::max(plan.chunks, plan.position(t) / kKeyChunk + 1);
  Reserve(plan);
  // Many units: each walks its whole context. Few: the context is shared out by chunks. Same sums either way.
  if (plan.units < SplitUnits()) return RunSplit(plan);
  std::atomic<int64_t> next{0};
  team_->Run([&](int w) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < plan.units;) {
      // The last rows see the most: they start first.
      RunWhole(plan, Unit(plan, plan.units - 1 - i), workers_[w]);
    }
  });
}

}  // namespace longshot
