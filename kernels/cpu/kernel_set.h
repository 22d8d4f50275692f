#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The inner loops of the CPU backend, one set per instruction set, chosen at run time.
namespace longshot {

/// Keys per block: the unit of the KV layout and of views, aligned to position 0.
inline constexpr int kKeyBlock = 64;
/// Blocks per step: the scores of a row over one step are held at once, so a row is rescaled once per step.
inline constexpr int kStepBlocks = 4;
inline constexpr int kKeyStep = kStepBlocks * kKeyBlock;
/// Query rows one attention unit holds at most: what one read of K and V serves.
inline constexpr int kMaxQueryRows = 192;
/// Elements from one row's scores to the next; off the powers of two, which share cache sets.
inline constexpr int kScoreStride = kKeyStep + 16;

/// Running softmax of query rows over the keys of a chunk: acc holds sum of p * v, not yet divided by `sum`.
struct SoftmaxRows {
  int count = 0;                       ///< n <= kMaxQueryRows
  int dim = 0;                         ///< head dim, padded to a multiple of 32
  const std::byte* queries = nullptr;  ///< [n], written by `prepare` of the key type
  int query_stride = 0;                ///< bytes
  float* max = nullptr;                ///< [n] -inf: nothing seen yet; else an integer not below any score seen
  float* sum = nullptr;                ///< [n]
  float* acc = nullptr;                ///< [n, dim]
  float* scores = nullptr;  ///< [n, kScoreStride] of one step; `softmax` puts probabilities in their place, in the
                            ///< form that `accumulate` reads, from the row's first byte on
  // Of values that have scales, and of those that are settled.
  const float* value_scales = nullptr;  ///< [kKeyStep] of the step, of all rows or (stride kKeyStep) of each
  int value_scale_stride = 0;
  int32_t* sums = nullptr;  ///< [n, dim] integer products of the step so far, zeroed by `softmax`

  SoftmaxRows Slice(int first, int n) const {
    return {n,
            dim,
            queries + int64_t{first} * query_stride,
            query_stride,
            max + first,
            sum + first,
            acc + int64_t{first} * dim,
            scores + int64_t{first} * kScoreStride,
            value_scales + int64_t{first} * value_scale_stride,
            value_scale_stride,
            sums + int64_t{first} * dim};
  }
};

/// Blocks [first, first + count) of a step that lie one behind the other in memory.
struct BlockRun {
  const std::byte* data = nullptr;
  int first = 0, count = 0;
};

/// Which keys of a step a row sees: bit j of word b is key j of block b.
using StepMask = std::array<uint64_t, kStepBlocks>;

/// Memory that will be read soon: a kernel asks for it in equal parts while it computes.
struct Ahead {
  const std::byte* data = nullptr;
  int lines = 0;  ///< of 64 bytes
};

/// Attention over one row type. Keys are matrices [dim, 64] per block, values [64, dim], each in its type's layout. A
/// row's numbers depend on that row alone, never on `count`.
struct RowTypeKernel {
  /// Writes one query [head_dim], scaled, in the form that `score` reads.
  void (*prepare)(const float* q, int head_dim, int dim, float scale, std::byte* row) = nullptr;
  int query_element_bytes = 4;
  /// Scores of the run's keys.
  void (*score)(const SoftmaxRows& rows, const BlockRun& keys, const Ahead& ahead) = nullptr;
  /// Probabilities of the first `blocks` blocks; rescales acc. masks [n], nullptr: every key is seen. A masked key
  /// gets exactly 0, whatever its score.
  void (*softmax)(const SoftmaxRows& rows, int blocks, const StepMask* masks, const Ahead& ahead) = nullptr;
  /// Adds the run's values. Those of unseen keys must be finite.
  void (*accumulate)(const SoftmaxRows& rows, const BlockRun& values, const Ahead& ahead) = nullptr;
  /// After the last run of a step; nullptr: nothing to do.
  void (*settle)(const SoftmaxRows& rows) = nullptr;
  /// Where the scales of a block's 64 values begin, f32; nullptr: values have none.
  int64_t (*scale_offset)(int dim) = nullptr;
  /// Blocks in the form that `score` and `accumulate` read, `unpacked_bytes` of each; nullptr: they read them as
  /// stored.
  void (*unpack_keys)(const std::byte* block, int dim, std::byte* to) = nullptr;
  void (*unpack_values)(const std::byte* block, int dim, std::byte* to) = nullptr;
  int64_t (*unpacked_bytes)(int dim) = nullptr;
  /// Query rows that go through a step together: their scores and probabilities stay in the nearest caches. Where keys
  /// and values differ, the fewer of both.
  int pass_rows = 32;
};

/// A block of q8_0 rows: keys as [dim / 4, 64, 4] signed bytes; values as [16, dim, 4], the four being keys i, i + 16,
/// i + 32 and i + 48; then an f32 scale for each of the 64 rows.
constexpr int64_t Q8ScaleOffset(int dim) { return int64_t{kKeyBlock} * dim; }
constexpr int64_t Q8BlockBytes(int dim) { return Q8ScaleOffset(dim) + kKeyBlock * 4; }
inline const float* Q8Scales(const std::byte* block, int dim) {
  return reinterpret_cast<const float*>(block + Q8ScaleOffset(dim));
}

/// A partial result of one row: the log-sum-exp merge makes one of two. An empty one (max -inf) is the identity.
struct PartialRow {
  float* max = nullptr;
  float* sum = nullptr;
  float* acc = nullptr;
};

struct KernelSet {
  /// y = x / sqrt(mean(x^2) + eps) * weight; weight nullptr: y = x.
  void (*norm_f32)(const float* x, const float* weight, int64_t n, float eps, float* y);
  void (*norm_bf16)(const float* x, const float* weight, int64_t n, float eps, uint16_t* y);
  /// y[i] = silu(x[2i]) * x[2i + 1].
  void (*swiglu)(const float* x, int64_t n, float* y);
  /// Rotates (x[i], x[i + pairs]) by table = [cos, sin].
  void (*rotate)(float* x, const float* table, int64_t pairs);
  /// `to` becomes the merge of `from` and `to`. REQUIRES: dim a multiple of 16.
  void (*merge)(const PartialRow& from, int dim, const PartialRow& to) = nullptr;
  /// out [head_dim] = acc / sum.
  void (*finish)(const PartialRow& row, int head_dim, float* out) = nullptr;
  /// A worker enters before it attends and leaves after; nullptr: nothing to do.
  void (*enter)() = nullptr;
  void (*leave)() = nullptr;
  RowTypeKernel f32, f16, bf16;
  /// Does `rounds` of f32 multiply-adds on registers and returns their operations: what no product exceeds in f32.
  double (*multiply_adds)(int64_t rounds) = nullptr;
};

const KernelSet& Avx2Kernels();
const KernelSet& Avx512Kernels();      ///< f32 arithmetic for every row type
const KernelSet& Avx512Bf16Kernels();  ///< bf16 rows by pair dot products
const KernelSet& AmxKernels();         ///< bf16 rows by tiles

/// Attention of prompt rows, where it differs from that of generated ones.
struct PromptKernels {
  RowTypeKernel f16, bf16;
};
const PromptKernels& Avx2Prompt();

/// Attention over rows in q8_0: the same bits whichever it is.
const RowTypeKernel& Avx2Q8();
const RowTypeKernel& Avx512VnniQ8();
const RowTypeKernel& AmxQ8();  ///< by tiles, between `enter` and `leave` of `AmxKernels`

}  // namespace longshot
