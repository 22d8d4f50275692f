#include "kernels/cpu/attention.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/checked.h"

namespace longshot {
namespace {

constexpr float kNothingSeen = -std::numeric_limits<float>::infinity();
constexpr uint64_t kEveryKey = ~uint64_t{0};
/// Floats before acc in a partial result: max and sum, on a line of their own.
constexpr int64_t kRecordHead = 16;

const RowTypeKernel& KernelFor(const KernelSet& set, const RowTypeKernel& q8, const PromptKernels* prompt, DType type) {
  if (prompt != nullptr && type == DType::kF16) return prompt->f16;
  if (prompt != nullptr && type == DType::kBF16) return prompt->bf16;
  return type == DType::kF32 ? set.f32 : type == DType::kF16 ? set.f16 : type == DType::kBF16 ? set.bf16 : q8;
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

/// Calls use(first, count) for every run of neighbouring set bits of `blocks`.
template <class Use>
void ForRuns(unsigned blocks, Use&& use) {
  while (blocks != 0) {
    const int first = std::countr_zero(blocks), count = std::countr_one(blocks >> first);
    use(first, count);
    blocks &= ~(((1u << count) - 1) << first);
  }
}

/// Blocks that some row of `masks` sees, one bit each.
unsigned SeenBlocks(std::span<const StepMask> masks) {
  StepMask any{};
  for (const StepMask& mask : masks) {
    for (int b = 0; b < kStepBlocks; ++b) any[b] |= mask[b];
  }
  unsigned seen = 0;
  for (int b = 0; b < kStepBlocks; ++b) seen |= static_cast<unsigned>(any[b] != 0) << b;
  return seen;
}

}  // namespace

struct CpuAttention::Plan {
  const AttentionArgs& args;
  const CpuKv& kv;
  int group;  ///< query heads per KV head
  int dim;    ///< padded head dim
  float scale;
  int64_t tokens;    ///< T
  int64_t written;   ///< slots below this are positions, and written
  int64_t in_place;  ///< blocks below this are read where they lie
  int64_t chunks;
  int64_t tokens_per_unit;
  int64_t units;
  const RowTypeKernel& keys;
  const RowTypeKernel& values;

  int64_t position(int64_t token) const { return args.topology.base + args.topology.depth[args.first_row + token]; }
  bool has_value_scales() const { return values.scale_offset != nullptr; }
  bool reads_stored() const { return keys.unpack_keys == nullptr && values.unpack_values == nullptr; }
  /// Of a block as products read it.
  int64_t key_bytes() const { return keys.unpack_keys ? keys.unpacked_bytes(dim) : kv.key_block_bytes(); }
  int64_t value_bytes() const { return values.unpack_values ? values.unpacked_bytes(dim) : kv.value_block_bytes(); }
  const HeadView& view(int head) const { return args.views[args.views.size() == 1 ? 0 : head]; }
  int query_stride() const { return dim * keys.query_element_bytes + 64; }
  /// Positions of the block that rows of the unit at `position` see.
  uint64_t Visible(uint64_t committed, int64_t block, int64_t position) const {
    return committed | RangeMask(block, args.topology.base, position + 1);
  }
};

/// Query rows that are attended together: a few tokens, all query heads of one KV head.
struct CpuAttention::Unit {
  Unit(const Plan& plan, int64_t index)
      : head(static_cast<int>(index % plan.kv.geometry().kv_heads)),
        first(index / plan.kv.geometry().kv_heads * plan.tokens_per_unit),
        tokens(std::min(plan.tokens_per_unit, plan.tokens - first)),
        rows(static_cast<int>(tokens) * plan.group) {
    for (int64_t t = 0; t < tokens; ++t) {
      first_position = std::min(first_position, plan.position(first + t));
      last_position = std::max(last_position, plan.position(first + t));
    }
  }

  int head;
  int64_t first, tokens;
  int rows;
  int64_t first_position = std::numeric_limits<int64_t>::max(), last_position = 0;
};

/// The blocks of one step and what a unit sees of them.
struct CpuAttention::Step {
  int64_t first;           ///< block
  int blocks;              ///< up to the unit's last position
  int in_place;            ///< of them, those read where they lie
  StepMask committed{};    ///< committed positions that the view names
  bool everything = true;  ///< every row of the unit sees every key
};

SoftmaxRows CpuAttention::Worker::Rows(const Plan& plan, const Unit& unit) {
  return {unit.rows,        plan.dim,         queries.data(), plan.query_stride(), chunk.max.data(),
          chunk.sum.data(), chunk.acc.data(), scores.data(),  value_scales.data(), 0,
          sums.data()};
}

/// A worker's use of the kernels.
class CpuAttention::Session {
 public:
  explicit Session(const KernelSet& kernels) : kernels_(kernels) {
    if (kernels_.enter) kernels_.enter();
  }
  ~Session() {
    if (kernels_.leave) kernels_.leave();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  const KernelSet& kernels_;
};

void CpuAttention::State::Reset(int rows, int dim) {
  std::fill_n(max.begin(), rows, kNothingSeen);
  std::fill_n(sum.begin(), rows, 0.0f);
  std::fill_n(acc.begin(), static_cast<size_t>(rows) * dim, 0.0f);
}

int64_t CpuAttention::PartialRecord(const Plan& plan) { return plan.dim + kRecordHead; }

void CpuAttention::MakeRoom(const Plan& plan) {
  const auto grow = [](auto& vector, size_t size) {
    if (vector.size() < size) vector.resize(size);
  };
  constexpr size_t kRows = kMaxQueryRows;
  for (Worker& worker : workers_) {
    grow(worker.queries, kRows * plan.query_stride());
    for (State* state : {&worker.chunk, &worker.total}) {
      grow(state->max, kRows), grow(state->sum, kRows), grow(state->acc, kRows * plan.dim);
    }
    grow(worker.scores, kRows * kScoreStride);
    grow(worker.masks, kRows);
    grow(worker.block, std::max(plan.kv.key_block_bytes(), plan.kv.value_block_bytes()));
    grow(worker.step_values, kStepBlocks * plan.kv.value_block_bytes());
    if (plan.keys.unpack_keys) grow(worker.unpacked_keys, kStepBlocks * plan.key_bytes());
    if (plan.values.unpack_values) grow(worker.unpacked_values, kStepBlocks * plan.value_bytes());
    if (plan.has_value_scales()) grow(worker.value_scales, kRows * kKeyStep);
    if (plan.values.settle) grow(worker.sums, kRows * plan.dim);
  }
  // Partial results of the most rows that are split, at the longest context that the cache holds.
  const KvGeometry& geometry = plan.kv.geometry();
  const int64_t rows = CeilDiv(SplitUnits(), geometry.kv_heads) * plan.tokens_per_unit * plan.args.heads;
  grow(partials_, rows * CeilDiv(geometry.capacity, kKeyChunk) * PartialRecord(plan));
}

void CpuAttention::PrepareQueries(const Plan& plan, const Unit& unit, Worker& worker) const {
  const int head_dim = plan.kv.geometry().head_dim;
  for (int row = 0; row < unit.rows; ++row) {
    const float* q = plan.args.q.data + (unit.first + row / plan.group) * plan.args.q.stride +
                     static_cast<int64_t>(unit.head * plan.group + row % plan.group) * head_dim;
    plan.keys.prepare(q, head_dim, plan.dim, plan.scale,
                      &worker.queries[static_cast<size_t>(row) * plan.query_stride()]);
  }
}

/// Values of the step's blocks in place, or, where some of their rows are hidden from all or not written, of a copy in
/// which those are zero: a probability of zero does not hide a value that is not a number.
const std::byte* CpuAttention::StepValues(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const {
  const std::byte* values = plan.kv.ValueBlock(plan.args.layer, unit.head, step.first);
  if (step.everything) return values;
  StepMask hidden{};
  bool any = false;
  for (int b = 0; b < step.in_place; ++b) {
    const uint64_t shown = plan.Visible(step.committed[b], step.first + b, plan.written - 1);
    if (shown == 0) continue;  // nobody reads the block
    hidden[b] = ~shown;
    any |= hidden[b] != 0;
  }
  if (!any) return values;
  const int64_t bytes = plan.kv.value_block_bytes();
  std::memcpy(worker.step_values.data(), values, bytes * step.in_place);
  for (int b = 0; b < step.in_place; ++b) plan.kv.ZeroValues(hidden[b], worker.step_values.data() + b * bytes);
  return worker.step_values.data();
}

/// Scales of the values that are read in place, for all rows.
void CpuAttention::GatherValueScales(const Plan& plan, const Step& step, const std::byte* values,
                                     Worker& worker) const {
  const int64_t offset = plan.values.scale_offset(plan.dim);
  for (int b = 0; b < step.in_place; ++b) {
    std::memcpy(&worker.value_scales[b * kKeyBlock], values + b * plan.value_bytes() + offset,
                kKeyBlock * sizeof(float));
  }
}

/// The step's blocks in the form that products read: as they are, or unpacked once for all rows of the unit.
const std::byte* CpuAttention::Readable(const Plan& plan, const Step& step, bool keys, const std::byte* stored,
                                        Worker& worker) const {
  const auto unpack = keys ? plan.keys.unpack_keys : plan.values.unpack_values;
  if (unpack == nullptr) return stored;
  const int64_t stored_bytes = keys ? plan.kv.key_block_bytes() : plan.kv.value_block_bytes();
  const int64_t bytes = keys ? plan.key_bytes() : plan.value_bytes();
  std::byte* unpacked = (keys ? worker.unpacked_keys : worker.unpacked_values).data();
  for (int b = 0; b < step.in_place; ++b) unpack(stored + b * stored_bytes, plan.dim, unpacked + b * bytes);
  return unpacked;
}

/// Gives each row of the unit scales of its own: those gathered, then those of its token's path.
void CpuAttention::SpreadValueScales(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const {
  const RowTopology& topology = plan.args.topology;
  const int64_t begin = step.first * kKeyBlock, end = begin + step.blocks * kKeyBlock;
  const auto scale = [&](int64_t slot) { return plan.kv.ValueScale(plan.args.layer, unit.head, slot); };
  for (int64_t i = step.in_place * kKeyBlock; i < end - begin; ++i) {
    const bool named = (step.committed[i / kKeyBlock] >> i % kKeyBlock & 1) != 0;
    worker.value_scales[i] = named ? scale(begin + i) : 0.0f;
  }
  for (int64_t t = unit.tokens - 1; t >= 0; --t) {
    for (int row = 0; row < plan.group; ++row) {
      float* scales = &worker.value_scales[(t * plan.group + row) * kKeyStep];
      if (scales != worker.value_scales.data()) std::copy_n(worker.value_scales.data(), kKeyStep, scales);
    }
  }
  for (int64_t t = 0; t < unit.tokens; ++t) {
    int64_t node = plan.args.first_row + unit.first + t;
    for (int64_t p = plan.position(unit.first + t); p >= std::max(topology.base, begin); --p) {
      const float ancestor = scale(topology.base + node);
      for (int row = 0; row < plan.group && p < end; ++row) {
        worker.value_scales[(t * plan.group + row) * kKeyStep + p - begin] = ancestor;
      }
      node = topology.parent[node];
    }
  }
}

void CpuAttention::AttendInPlace(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const {
  const int64_t key_bytes = plan.key_bytes(), value_bytes = plan.value_bytes();
  const std::byte* keys = Readable(plan, step, true, plan.kv.KeyBlock(plan.args.layer, unit.head, step.first), worker);
  const std::byte* values = Readable(plan, step, false, StepValues(plan, unit, step, worker), worker);
  if (plan.has_value_scales()) GatherValueScales(plan, step, values, worker);
  const SoftmaxRows all = worker.Rows(plan, unit);
  // Each pass asks for its part of the next step, where that is as dense as this one.
  const bool dense = step.everything && unit.last_position >= (step.first + 2 * kStepBlocks) * kKeyBlock;
  const int pass_rows = std::min(plan.keys.pass_rows, plan.values.pass_rows);
  const int64_t passes = CeilDiv(unit.rows, pass_rows);
  const auto ahead = [&](const std::byte* next, int64_t bytes, int64_t pass) {
    const int64_t lines = dense && plan.reads_stored() ? CeilDiv(bytes, 64 * passes) : 0;
    return Ahead{next + pass * lines * 64, static_cast<int>(lines)};
  };
  for (int first = 0; first < unit.rows; first += pass_rows) {
    SoftmaxRows rows = all.Slice(first, std::min(pass_rows, unit.rows - first));
    rows.scores = all.scores, rows.sums = all.sums;
    const StepMask* masks = step.everything ? nullptr : &worker.masks[first];
    const unsigned seen = masks ? SeenBlocks({masks, static_cast<size_t>(rows.count)}) : (1u << step.blocks) - 1;
    if (seen == 0) continue;
    const Ahead next_keys = ahead(keys + kStepBlocks * key_bytes, kStepBlocks * key_bytes, first / pass_rows);
    const Ahead next_values = ahead(values + kStepBlocks * value_bytes, kStepBlocks * value_bytes, first / pass_rows);
    const Ahead half{next_values.data, next_values.lines / 2};
    const Ahead rest{half.data + half.lines * 64, next_values.lines - half.lines};
    ForRuns(seen, [&](int block, int count) {
      plan.keys.score(rows, {keys + block * key_bytes, block, count}, next_keys);
    });
    plan.values.softmax(rows, std::bit_width(seen), masks, half);
    ForRuns(seen, [&](int block, int count) {
      plan.values.accumulate(rows, {values + block * value_bytes, block, count}, rest);
    });
    if (plan.values.settle) plan.values.settle(rows);
  }
}

/// Calls use(first row, run) for every token and every block of the step from the border on that it reaches, the keys
/// or values of the block being those of the token's own path.
template <class Use>
void CpuAttention::ForAssembled(const Plan& plan, const Unit& unit, const Step& step, bool keys, Worker& worker,
                                Use&& use) const {
  const RowTopology& topology = plan.args.topology;
  const int layer = plan.args.layer, head = unit.head;
  const int64_t base = topology.base;
  std::byte* data = worker.block.data();
  for (int b = step.in_place; b < step.blocks; ++b) {
    const int64_t begin = (step.first + b) * kKeyBlock, committed = std::clamp<int64_t>(base - begin, 0, kKeyBlock);
    // Committed rows come with the block; places beyond them are filled below or must at least be finite.
    std::memset(data, 0, keys ? plan.kv.key_block_bytes() : plan.kv.value_block_bytes());
    if (keys) {
      plan.kv.CopyLeadingKeys(layer, head, step.first + b, committed, data);
    } else {
      plan.kv.CopyLeadingValues(layer, head, step.first + b, committed, data);
      plan.kv.ZeroValues(RangeMask(step.first + b, 0, base) & ~step.committed[b], data);
    }
    int64_t filled[kKeyBlock];  // the node in each place: tokens share most of their path
    std::fill_n(filled, kKeyBlock, -1);
    for (int64_t t = 0; t < unit.tokens; ++t) {
      const int64_t position = plan.position(unit.first + t);
      if (position < begin) continue;
      int64_t node = plan.args.first_row + unit.first + t;
      for (int64_t p = position; p >= std::max(base, begin); --p, node = topology.parent[node]) {
        if (p >= begin + kKeyBlock) continue;
        if (filled[p - begin] == node) continue;
        filled[p - begin] = node;
        if (keys) {
          plan.kv.CopyKey(layer, head, base + node, data, static_cast<int>(p - begin));
        } else {
          plan.kv.CopyValue(layer, head, base + node, data, static_cast<int>(p - begin));
        }
      }
      use(static_cast<int>(t) * plan.group, BlockRun{data, b, 1});
    }
  }
}

void CpuAttention::AttendAssembled(const Plan& plan, const Unit& unit, const Step& step, Worker& worker) const {
  const int64_t key_bytes = plan.kv.key_block_bytes(), value_bytes = plan.kv.value_block_bytes();
  const std::byte* keys = plan.kv.KeyBlock(plan.args.layer, unit.head, step.first);
  const std::byte* values = StepValues(plan, unit, step, worker);
  SoftmaxRows rows = worker.Rows(plan, unit);
  if (plan.has_value_scales()) {
    GatherValueScales(plan, step, values, worker);
    SpreadValueScales(plan, unit, step, worker);
    rows.value_scale_stride = kKeyStep;
  }
  const unsigned seen = SeenBlocks({worker.masks.data(), static_cast<size_t>(unit.rows)}) & ((1u << step.in_place) - 1);
  ForRuns(seen, [&](int block, int count) { plan.keys.score(rows, {keys + block * key_bytes, block, count}, {}); });
  ForAssembled(plan, unit, step, true, worker,
               [&](int row, const BlockRun& run) { plan.keys.score(rows.Slice(row, plan.group), run, {}); });
  plan.values.softmax(rows, step.blocks, worker.masks.data(), {});
  ForRuns(seen, [&](int block, int count) {
    plan.values.accumulate(rows, {values + block * value_bytes, block, count}, {});
  });
  ForAssembled(plan, unit, step, false, worker,
               [&](int row, const BlockRun& run) { plan.values.accumulate(rows.Slice(row, plan.group), run, {}); });
  if (plan.values.settle) plan.values.settle(rows);
}

void CpuAttention::RunStep(const Plan& plan, const Unit& unit, int64_t index, Worker& worker) const {
  Step step{.first = index * kStepBlocks, .blocks = 0, .in_place = 0};
  step.blocks = static_cast<int>(std::min<int64_t>(kStepBlocks, unit.last_position / kKeyBlock + 1 - step.first));
  step.in_place = static_cast<int>(std::clamp<int64_t>(plan.in_place - step.first, 0, step.blocks));
  for (int b = 0; b < step.blocks; ++b) {
    const int64_t block = step.first + b;
    step.committed[b] = ViewMask(plan.view(unit.head), block, plan.args.topology.base);
    step.everything &= plan.Visible(step.committed[b], block, unit.first_position) == kEveryKey;
  }
  if (step.in_place == step.blocks && step.everything) return AttendInPlace(plan, unit, step, worker);
  step.everything = false;
  for (int64_t t = 0; t < unit.tokens; ++t) {
    StepMask mask{};
    for (int b = 0; b < step.blocks; ++b) {
      mask[b] = plan.Visible(step.committed[b], step.first + b, plan.position(unit.first + t));
    }
    std::fill_n(worker.masks.begin() + t * plan.group, plan.group, mask);
  }
  if (step.in_place == step.blocks) return AttendInPlace(plan, unit, step, worker);
  AttendAssembled(plan, unit, step, worker);
}

void CpuAttention::RunChunk(const Plan& plan, const Unit& unit, int64_t chunk, Worker& worker) const {
  constexpr int64_t kSteps = kKeyChunk / kKeyStep;
  worker.chunk.Reset(unit.rows, plan.dim);
  const int64_t end = std::min((chunk + 1) * kSteps, unit.last_position / kKeyStep + 1);
  for (int64_t step = chunk * kSteps; step < end; ++step) RunStep(plan, unit, step, worker);
}

void CpuAttention::RunWhole(const Plan& plan, const Unit& unit, Worker& worker) const {
  const int head_dim = plan.kv.geometry().head_dim;
  PrepareQueries(plan, unit, worker);
  worker.total.Reset(unit.rows, plan.dim);
  for (int64_t chunk = 0; chunk <= unit.last_position / kKeyChunk; ++chunk) {
    RunChunk(plan, unit, chunk, worker);
    for (int r = 0; r < unit.rows; ++r) {
      kernels_->merge(worker.chunk.Row(r, plan.dim), plan.dim, worker.total.Row(r, plan.dim));
    }
  }
  for (int r = 0; r < unit.rows; ++r) {
    float* out = plan.args.out.data + (unit.first + r / plan.group) * plan.args.out.stride +
                 static_cast<int64_t>(unit.head * plan.group + r % plan.group) * head_dim;
    kernels_->finish(worker.total.Row(r, plan.dim), head_dim, out);
  }
}

/// One chunk of one unit, to its place among the partial results.
void CpuAttention::RunItem(const Plan& plan, int64_t item, Worker& worker) {
  const Unit unit(plan, item / plan.chunks);
  const int64_t chunk = item % plan.chunks, record = PartialRecord(plan);
  if (worker.prepared != item / plan.chunks) PrepareQueries(plan, unit, worker);
  worker.prepared = item / plan.chunks;
  RunChunk(plan, unit, chunk, worker);
  for (int r = 0; r < unit.rows; ++r) {
    const int64_t row = (unit.first + r / plan.group) * plan.args.heads + unit.head * plan.group + r % plan.group;
    float* partial = &partials_[(row * plan.chunks + chunk) * record];
    partial[0] = worker.chunk.max[r], partial[1] = worker.chunk.sum[r];
    std::memcpy(partial + kRecordHead, &worker.chunk.acc[static_cast<size_t>(r) * plan.dim],
                static_cast<size_t>(plan.dim) * sizeof(float));
  }
}

void CpuAttention::RunSplit(const Plan& plan) {
  for (Worker& worker : workers_) worker.prepared = -1;
  // Neighbouring chunks go to the same worker: what it asks for ahead is what it reads next, until it helps another.
  team_->Balance(plan.units * plan.chunks, [&](int w, auto next) {
    const Session session(*kernels_);
    for (int64_t item; (item = next()) >= 0;) RunItem(plan, item, workers_[w]);
  });
  team_->ForRange(plan.tokens * plan.args.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      MergePartials(plan, row / plan.args.heads, static_cast<int>(row % plan.args.heads));
    }
  });
}

void CpuAttention::MergePartials(const Plan& plan, int64_t row, int head) {
  const int64_t record = PartialRecord(plan);
  float* first = &partials_[(row * plan.args.heads + head) * plan.chunks * record];
  const auto partial = [&](int64_t chunk) {
    float* at = first + chunk * record;
    return PartialRow{at, at + 1, at + kRecordHead};
  };
  for (int64_t chunk = 1; chunk < plan.chunks; ++chunk) kernels_->merge(partial(chunk), plan.dim, partial(0));
  const int head_dim = plan.kv.geometry().head_dim;
  kernels_->finish(partial(0), head_dim,
                   plan.args.out.data + row * plan.args.out.stride + static_cast<int64_t>(head) * head_dim);
}

void CpuAttention::Run(const AttentionArgs& args) {
  const auto& kv = static_cast<const CpuKv&>(*args.kv);
  const KvGeometry& geometry = kv.geometry();
  static_assert(kMaxHeadGroup <= kMaxQueryRows);
  CHECK(args.heads % geometry.kv_heads == 0 && args.heads / geometry.kv_heads <= kMaxHeadGroup);
  CHECK(kv.dim() <= kMaxHeadDim);
  const RowTopology& topology = args.topology;
  const int group = args.heads / geometry.kv_heads;
  CHECK(!args.prompt || topology.chain, "rows of a prompt are a chain");
  const PromptKernels* prompt = args.prompt ? prompt_ : nullptr;
  // In a chain, slots are positions: what the pass has written can be read in place too.
  const int64_t written = topology.chain ? topology.base + args.first_row + args.q.rows : topology.base;
  Plan plan{.args = args,
            .kv = kv,
            .group = group,
            .dim = kv.dim(),
            .scale = static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(geometry.head_dim))),
            .tokens = args.q.rows,
            .written = written,
            .in_place = topology.chain ? CeilDiv(written, kKeyBlock) : written / kKeyBlock,
            .chunks = 0,
            .tokens_per_unit = std::max(1, kMaxQueryRows / group),
            .units = 0,
            .keys = KernelFor(*kernels_, *q8_, prompt, geometry.k_type),
            .values = KernelFor(*kernels_, *q8_, prompt, geometry.v_type)};
  plan.units = CeilDiv(plan.tokens, plan.tokens_per_unit) * geometry.kv_heads;
  for (int64_t t = 0; t < plan.tokens; ++t) plan.chunks = std::max(plan.chunks, plan.position(t) / kKeyChunk + 1);
  MakeRoom(plan);
  // Many units, or one chunk: each walks its whole context. Few: it is shared out by chunks. Same sums either way.
  if (plan.units < SplitUnits() && plan.chunks > 1) return RunSplit(plan);
  std::atomic<int64_t> next{0};
  team_->Run([&](int w) {
    const Session session(*kernels_);
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < plan.units;) {
      // The last rows see the most: they start first.
      RunWhole(plan, Unit(plan, plan.units - 1 - i), workers_[w]);
    }
  });
}

}  // namespace longshot
