#pragma once

#include <cstddef>
#include <cstdint>

/// The inner loops of the CPU backend, one set per instruction set, chosen at run time.
namespace longshot {

/// Keys per block: the unit of the attention reduction and of the KV layout, aligned to position 0.
inline constexpr int kKeyBlock = 64;
/// Query rows one attention unit holds at most.
inline constexpr int kMaxQueryRows = 64;

/// Running softmax of the query rows of one unit: acc holds sum of p * v, not yet divided by `sum`.
struct SoftmaxRows {
  int count = 0;                  ///< <= kMaxQueryRows
  int dim = 0;                    ///< head dim, padded to a multiple of 32
  const void* queries = nullptr;  ///< [count, dim] scaled by log2(e) / sqrt(D); f32, or bf16 where the kernel says
  float* max = nullptr;           ///< [count], -inf: nothing seen yet
  float* sum = nullptr;           ///< [count]
  float* acc = nullptr;           ///< [count, dim]
};

struct BlockScratch {
  alignas(64) float scores[kMaxQueryRows * kKeyBlock];
  alignas(64) uint16_t probabilities[kMaxQueryRows * kKeyBlock];  ///< bf16 kernels
};

/// The three steps of attending rows [first, first + n) to one block; row i of the scratch is row first + i.
/// Keys are the matrix [dim, 64], values [64, dim], each in its row type's layout.
using ScoreBlock = void (*)(const SoftmaxRows& rows, int first, int n, const std::byte* keys, BlockScratch& scratch);
/// Turns scores into probabilities and rescales acc; bit j of masks[i] says whether row i sees key j. A masked key gets
/// exactly 0.
using SoftmaxBlock = void (*)(const SoftmaxRows& rows, int first, int n, const uint64_t* masks, BlockScratch& scratch);
using AccumulateBlock = void (*)(const SoftmaxRows& rows, int first, int n, const std::byte* values,
                                 BlockScratch& scratch);

struct RowTypeKernel {
  ScoreBlock score = nullptr;
  AccumulateBlock accumulate = nullptr;
  bool bf16_queries = false;  ///< `score` reads queries as bf16
};

struct KernelSet {
  /// y = x / sqrt(mean(x^2) + eps) * weight; weight nullptr: y = x.
  void (*norm_f32)(const float* x, const float* weight, int64_t n, float eps, float* y);
  void (*norm_bf16)(const float* x, const float* weight, int64_t n, float eps, uint16_t* y);
  /// y[i] = silu(x[2i]) * x[2i + 1].
  void (*swiglu)(const float* x, int64_t n, float* y);
  /// Rotates (x[i], x[i + pairs]) by table = [cos, sin].
  void (*rotate)(float* x, const float* table, int64_t pairs);
  SoftmaxBlock softmax = nullptr;
  RowTypeKernel f32, f16, bf16;
};

const KernelSet& Avx2Kernels();
const KernelSet& Avx512Kernels();      ///< f32 arithmetic for every row type
const KernelSet& Avx512Bf16Kernels();  ///< bf16 rows by pair dot products
const KernelSet& AmxKernels();         ///< bf16 rows by tiles

}  // namespace longshot
