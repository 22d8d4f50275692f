#include <cstring>

#include "kernels/cpu/kernel_set.h"
#include "kernels/cpu/simd_int8_avx2.h"

namespace longshot {
namespace {

/// P as words, keys in their order.
inline void StoreProbabilities(F32x16 a, F32x16 b, F32x16 c, F32x16 d, std::byte* to) {
  U8x64{RoundedWords(a), RoundedWords(b)}.Store(to);
  U8x64{RoundedWords(c), RoundedWords(d)}.Store(to + 64);
}

}  // namespace
}  // namespace longshot

#include "kernels/cpu/integer_softmax.h"
#include "kernels/cpu/row_formats.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/kernels.h"

/// Attention of prompt rows to keys and values in f16 and bf16 by products of 16-bit integers, which AVX2 multiplies
/// twice as fast as floats. A block is unpacked once for all query rows of a unit: each of its rows is rounded with a
/// scale of its own. A query is rounded likewise:
///   score = (q . k) * key scale * query scale;
///   acc += weight * sum of P v over a block, P and weight as in `integer_softmax.h`.
/// Integer sums are exact, so a row's numbers depend neither on the rows beside it nor on keys that it does not see.
namespace longshot {
namespace {

/// Products take tiles of 4 query rows by 16 keys or elements: 8 of 16 registers are sums.
constexpr int kTileRows = 4;

/// Largest magnitudes after rounding, such that no sum leaves 32 bits: products of q and k over the head, those of P,
/// which is below 2^15, and v over a block.
constexpr int kQueryLimit = 4095, kValueLimit = 1023;
constexpr int KeyLimit(int dim) { return dim <= 128 ? 4095 : 1023; }
static_assert(int64_t{kQueryLimit} * KeyLimit(128) * 128 <= INT32_MAX);
static_assert(int64_t{kQueryLimit} * KeyLimit(kMaxHeadDim) * kMaxHeadDim <= INT32_MAX);
static_assert(int64_t{32767} * kValueLimit * kKeyBlock <= INT32_MAX);
/// Rows below this shrink to zero: their reciprocals would overflow.
constexpr float kLeastMagnitude = 0x1p-100f;

/// An unpacked block: words by pairs as bf16 has them, [dim / 2, 64, 2] of keys and [32, dim, 2] of values, then the
/// f32 scale of each of the 64 rows.
constexpr int64_t ScaleOffset(int dim) { return int64_t{kKeyBlock} * dim * 2; }
int64_t UnpackedBytes(int dim) { return ScaleOffset(dim) + kKeyBlock * 4; }
inline float* Scales(std::byte* unpacked, int dim) { return reinterpret_cast<float*>(unpacked + ScaleOffset(dim)); }
inline const float* Scales(const std::byte* unpacked, int dim) {
  return reinterpret_cast<const float*>(unpacked + ScaleOffset(dim));
}

/// Scale and reciprocal of rows by their largest magnitudes.
struct Rounding {
  F32x16 scale, inverse;
  Rounding(F32x16 magnitude, int limit)
      : scale(magnitude * F32x16::Set(1.0f / static_cast<float>(limit))),
        inverse(F32x16::Set(static_cast<float>(limit)) / Max(magnitude, F32x16::Set(kLeastMagnitude))) {}
};

template <class Format>
void UnpackKeys(const std::byte* block, int dim, std::byte* to) {
  for (int key = 0; key < kKeyBlock; key += 16) {
    F32x16 magnitude = F32x16::Zero();
    for (int pair = 0; pair < dim / 2; ++pair) {
      magnitude = LargerMagnitudes(magnitude, Format::template Load<0>(block, pair, kKeyBlock, key));
      magnitude = LargerMagnitudes(magnitude, Format::template Load<1>(block, pair, kKeyBlock, key));
    }
    const Rounding rounding(magnitude, KeyLimit(dim));
    rounding.scale.Store(Scales(to, dim) + key);
    for (int pair = 0; pair < dim / 2; ++pair) {
      const F32x16 even = Format::template Load<0>(block, pair, kKeyBlock, key) * rounding.inverse;
      const F32x16 odd = Format::template Load<1>(block, pair, kKeyBlock, key) * rounding.inverse;
      WordPairs(even, odd).Store(to + (int64_t{pair} * kKeyBlock + key) * 4);
    }
  }
}

template <class Format>
void UnpackValues(const std::byte* block, int dim, std::byte* to) {
  for (int pair = 0; pair < kKeyBlock / 2; ++pair) {
    F32x16 even = F32x16::Zero(), odd = F32x16::Zero();
    for (int d = 0; d < dim; d += 16) {
      even = LargerMagnitudes(even, Format::template Load<0>(block, pair, dim, d));
      odd = LargerMagnitudes(odd, Format::template Load<1>(block, pair, dim, d));
    }
    const Rounding of_even(F32x16::Set(ReduceMaxMagnitude(even, even)), kValueLimit);
    const Rounding of_odd(F32x16::Set(ReduceMaxMagnitude(odd, odd)), kValueLimit);
    Scales(to, dim)[2 * pair] = FirstLane(of_even.scale), Scales(to, dim)[2 * pair + 1] = FirstLane(of_odd.scale);
    for (int d = 0; d < dim; d += 16) {
      WordPairs(Format::template Load<0>(block, pair, dim, d) * of_even.inverse,
                Format::template Load<1>(block, pair, dim, d) * of_odd.inverse)
          .Store(to + (int64_t{pair} * dim + d) * 4);
    }
  }
}

/// A prepared query: dim words, then its scale.
void PrepareWords(const float* q, int head_dim, int dim, float scale, std::byte* row) {
  F32x16 magnitude = F32x16::Zero();
  ForVectors(q, head_dim, [&](int64_t, F32x16 v, int64_t) { magnitude = LargerMagnitudes(magnitude, v); });
  const Rounding rounding(F32x16::Set(ReduceMaxMagnitude(magnitude, magnitude)), kQueryLimit);
  std::memset(row, 0, static_cast<size_t>(dim) * 2);
  ForVectors(q, head_dim, [&](int64_t i, F32x16 v, int64_t) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + 2 * i), RoundedWords(v * rounding.inverse));
  });
  const float query_scale = FirstLane(rounding.scale) * scale;
  std::memcpy(row + dim * 2, &query_scale, sizeof query_scale);
}

/// R rows by 16 columns of A [R, depth] * B: words of A `stride` bytes apart, B by pairs [depth / 2, cols, 2] from the
/// first of the columns on.
template <int R>
[[gnu::always_inline]] inline void MultiplyWords(const std::byte* a, int64_t stride, const std::byte* b, int depth,
                                                 int cols, I32x16 (&sum)[R]) {
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) sum[r] = I32x16::Set(0);
  for (int pair = 0; pair < depth / 2; ++pair) {
    const U8x64 words = U8x64::Load(b + int64_t{pair} * cols * 4);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      int32_t both;
      std::memcpy(&both, a + r * stride + 4 * pair, sizeof both);
      const __m256i x = _mm256_set1_epi32(both);
      AddInts(sum[r].lo, _mm256_madd_epi16(words.lo, x));
      AddInts(sum[r].hi, _mm256_madd_epi16(words.hi, x));
    }
  }
}

void ScoreWords(const SoftmaxRows& rows, const BlockRun& keys, const Ahead&) {
  for (int i = 0; i < keys.count; ++i) {
    const std::byte* block = keys.data + i * UnpackedBytes(rows.dim);
    for (int key = 0; key < kKeyBlock; key += 16) {
      const F32x16 key_scale = F32x16::Load(Scales(block, rows.dim) + key);
      float* scores = rows.scores + (keys.first + i) * kKeyBlock + key;
      ForRowTiles<kTileRows>(rows.count, [&]<int R>(int row) {
        const std::byte* query = rows.queries + int64_t{row} * rows.query_stride;
        I32x16 sum[R];
        MultiplyWords<R>(query, rows.query_stride, block + key * 4, rows.dim, kKeyBlock, sum);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          float query_scale;
          std::memcpy(&query_scale, query + int64_t{r} * rows.query_stride + rows.dim * 2, sizeof query_scale);
          const F32x16 scaled = sum[r].ToFloat() * key_scale;
          (scaled * F32x16::Set(query_scale)).Store(scores + int64_t{row + r} * kScoreStride);
        }
      });
    }
  }
}

void AccumulateWords(const SoftmaxRows& rows, const BlockRun& values, const Ahead&) {
  constexpr int64_t kStride = kScoreStride * 4;
  for (int i = 0; i < values.count; ++i) {
    const std::byte* block = values.data + i * UnpackedBytes(rows.dim);
    const std::byte* probabilities =
        reinterpret_cast<const std::byte*>(rows.scores) + (values.first + i) * kProbabilityBytes;
    for (int d = 0; d < rows.dim; d += 16) {
      ForRowTiles<kTileRows>(rows.count, [&]<int R>(int row) {
        I32x16 sum[R];
        MultiplyWords<R>(probabilities + row * kStride, kStride, block + d * 4, kKeyBlock, rows.dim, sum);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          // A row that has seen nothing has weight 0, whatever stands where its P would.
          const F32x16 weight = F32x16::Set(StepOf(rows, row + r)->weight);
          float* acc = rows.acc + int64_t{row + r} * rows.dim + d;
          Fma(sum[r].ToFloat(), weight, F32x16::Load(acc)).Store(acc);
        }
      });
    }
  }
}

template <class Format>
RowTypeKernel WordKernel() {
  RowTypeKernel kernel{PrepareWords, 2, ScoreWords, SoftmaxIntegers, AccumulateWords};
  kernel.unpack_keys = UnpackKeys<Format>;
  kernel.unpack_values = UnpackValues<Format>;
  kernel.unpacked_bytes = UnpackedBytes;
  kernel.scale_offset = ScaleOffset;
  return kernel;
}

}  // namespace

const PromptKernels& Avx2Prompt() {
  static const PromptKernels kernels{WordKernel<F16Format>(), WordKernel<Bf16Format>()};
  return kernels;
}

}  // namespace longshot
