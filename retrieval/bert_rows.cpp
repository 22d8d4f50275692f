#include "retrieval/bert_rows.h"

#include "kernels/cpu/simd_avx2.h"
#include "kernels/cpu/row_kernels.h"

/// Compiled for AVX2: raw pointers and intrinsics only, so that no inline function leaks into the baseline build.
namespace longshot {
namespace {

constexpr int64_t kLanes = 16;
/// Query rows that share a read of keys and values.
constexpr int kRows = 4;
/// Score of a place behind the last key: finite, since the exponential wants that, and never the largest.
constexpr float kNoKey = -1e30f;
constexpr float kLog2E = 1.44269504f;
/// log2 Phi(-t) over 0 <= t <= kGeluEnd: the polynomial, highest power first, for which the largest error of
/// t * Phi(-t), taken relative to t above 1, is least (1.1e-9). Beyond the end Phi(-t) is below 1.2e-19.
constexpr float kGeluEnd = 9.0f;
constexpr float kGeluPolynomial[] = {-2.01687662e-8f, 6.75292256e-7f, -9.3510798e-6f, 6.84700644e-5f,
                                     -2.54815561e-4f, -5.0301584e-5f, 7.01151974e-3f, -5.24905585e-2f,
                                     -4.592008e-1f,   -1.15110779f,   -9.99999821e-1f};
constexpr int kGeluTerms = sizeof kGeluPolynomial / sizeof kGeluPolynomial[0];

int64_t Padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// The first `lanes` of v, zeros behind them.
F32x16 Keep(F32x16 v, int64_t lanes) {
  return lanes == kLanes ? v : Select(static_cast<uint16_t>((1 << lanes) - 1), v, F32x16::Zero());
}

F32x16 LoadLanes(const float* p, int64_t lanes) { return lanes == kLanes ? F32x16::Load(p) : LoadPart(p, lanes); }

void StoreLanes(F32x16 v, float* p, int64_t lanes) {
  if (lanes == kLanes) {
    v.Store(p);
  } else {
    StorePart(v, p, lanes);
  }
}

/// Keys and values of a head as products read them, and what a group of rows needs.
struct Scratch {
  float* keys;     ///< [blocks, head_dim, kLanes]: keys of a block side by side
  float* values;   ///< [padded head_dim / kLanes, rows, kLanes]
  float* queries;  ///< [kRows, head_dim], scaled
  float* scores;   ///< [kRows, padded rows]
};

Scratch Divide(float* scratch, int64_t rows, int64_t head_dim) {
  Scratch s;
  s.keys = scratch;
  s.values = s.keys + Padded(rows) * head_dim;
  s.queries = s.values + rows * Padded(head_dim);
  s.scores = s.queries + kRows * head_dim;
  return s;
}

void PackKeys(const HeadAttention& head, float* keys) {
  for (int64_t j = 0; j < Padded(head.rows); ++j) {
    float* to = keys + j / kLanes * kLanes * head.head_dim + j % kLanes;
    for (int64_t d = 0; d < head.head_dim; ++d) to[d * kLanes] = j < head.rows ? head.k[j * head.stride + d] : 0.0f;
  }
}

void PackValues(const HeadAttention& head, float* values) {
  for (int64_t d = 0; d < head.head_dim; d += kLanes) {
    const int64_t lanes = head.head_dim - d < kLanes ? head.head_dim - d : kLanes;
    for (int64_t j = 0; j < head.rows; ++j, values += kLanes) {
      LoadLanes(head.v + j * head.stride + d, lanes).Store(values);
    }
  }
}

/// scores [kRows, padded rows] = queries keys^T.
void Score(const Scratch& s, int64_t rows, int64_t head_dim) {
  const float* keys = s.keys;
  for (int64_t j = 0; j < Padded(rows); j += kLanes) {
    F32x16 sums[kRows] = {F32x16::Zero(), F32x16::Zero(), F32x16::Zero(), F32x16::Zero()};
    for (int64_t d = 0; d < head_dim; ++d, keys += kLanes) {
      const F32x16 key = F32x16::Load(keys);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sums[r] = Fma(F32x16::Set(s.queries[r * head_dim + d]), key, sums[r]);
    }
    for (int r = 0; r < kRows; ++r) sums[r].Store(s.scores + r * Padded(rows) + j);
  }
}

/// Scores [padded rows], in units of log 2, become exponentials of their distance from the largest; returns their sum.
float Exponentials(float* scores, int64_t rows) {
  for (int64_t j = rows; j < Padded(rows); ++j) scores[j] = kNoKey;
  F32x16 largest = F32x16::Load(scores);
  for (int64_t j = kLanes; j < rows; j += kLanes) largest = Max(largest, F32x16::Load(scores + j));
  const F32x16 max = F32x16::Set(ReduceMax(largest));
  F32x16 sum = F32x16::Zero();
  for (int64_t j = 0; j < rows; j += kLanes) {
    const F32x16 power = Exp2(F32x16::Load(scores + j) - max);
    power.Store(scores + j);
    sum = sum + power;
  }
  return ReduceAdd(sum);
}

/// out of up to kRows rows = scores values / sums.
void Mix(const HeadAttention& head, const Scratch& s, const float* row_sums, int64_t first, int count) {
  const int64_t padded = Padded(head.rows);
  const float* values = s.values;
  for (int64_t d = 0; d < head.head_dim; d += kLanes) {
    F32x16 sums[kRows] = {F32x16::Zero(), F32x16::Zero(), F32x16::Zero(), F32x16::Zero()};
    for (int64_t j = 0; j < head.rows; ++j, values += kLanes) {
      const F32x16 value = F32x16::Load(values);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sums[r] = Fma(F32x16::Set(s.scores[r * padded + j]), value, sums[r]);
    }
    const int64_t lanes = head.head_dim - d < kLanes ? head.head_dim - d : kLanes;
    for (int r = 0; r < count; ++r) {
      StoreLanes(sums[r] / F32x16::Set(row_sums[r]), head.out + (first + r) * head.out_stride + d, lanes);
    }
  }
}

/// x * Phi(x). With t = |x|, Phi(-t) is 2 to the power of a polynomial in t, and Phi(t) = 1 - Phi(-t).
inline F32x16 GeluOf(F32x16 x) {
  const F32x16 size = Max(x, F32x16::Zero() - x);
  const F32x16 t = Min(size, F32x16::Set(kGeluEnd));
  F32x16 exponent = F32x16::Set(kGeluPolynomial[0]);
#pragma GCC unroll 16
  for (int i = 1; i < kGeluTerms; ++i) exponent = Fma(exponent, t, F32x16::Set(kGeluPolynomial[i]));
  // x >= 0: x - x * Phi(-x); x < 0: x * Phi(x).
  return Max(x, F32x16::Zero()) - size * Exp2(exponent);
}

}  // namespace

void LayerNorm(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* y) {
  F32x16 sum = F32x16::Zero(), squares = F32x16::Zero();
  ForVectors(x, n, [&](int64_t, F32x16 v, int64_t) { sum = sum + v; });
  const F32x16 mean = F32x16::Set(ReduceAdd(sum) / static_cast<float>(n));
  ForVectors(x, n, [&](int64_t, F32x16 v, int64_t lanes) {
    const F32x16 distance = Keep(v - mean, lanes);
    squares = Fma(distance, distance, squares);
  });
  const float variance = ReduceAdd(squares) / static_cast<float>(n);
  const F32x16 scale = F32x16::Set(1.0f / __builtin_sqrtf(variance + eps));
  ForVectors(x, n, [&](int64_t i, F32x16 v, int64_t lanes) {
    StoreLanes(Fma((v - mean) * scale, LoadLanes(weight + i, lanes), LoadLanes(bias + i, lanes)), y + i, lanes);
  });
}

void Gelu(float* x, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) GeluOf(F32x16::Load(x + i)).Store(x + i);
  if (i < n) StorePart(GeluOf(LoadPart(x + i, n - i)), x + i, n - i);
}

int64_t AttentionScratch(int64_t rows, int64_t head_dim) {
  return Padded(rows) * head_dim + rows * Padded(head_dim) + kRows * (head_dim + Padded(rows));
}

void Attend(const HeadAttention& head, float* scratch) {
  const Scratch s = Divide(scratch, head.rows, head.head_dim);
  PackKeys(head, s.keys);
  PackValues(head, s.values);
  const float scale = kLog2E / __builtin_sqrtf(static_cast<float>(head.head_dim));
  for (int64_t first = 0; first < head.rows; first += kRows) {
    const int count = static_cast<int>(head.rows - first < kRows ? head.rows - first : kRows);
    for (int r = 0; r < kRows; ++r) {
      // A short group computes its last row again.
      const float* q = head.q + (first + (r < count ? r : count - 1)) * head.stride;
      for (int64_t d = 0; d < head.head_dim; ++d) s.queries[r * head.head_dim + d] = q[d] * scale;
    }
    Score(s, head.rows, head.head_dim);
    float sums[kRows];
    for (int r = 0; r < kRows; ++r) sums[r] = Exponentials(s.scores + r * Padded(head.rows), head.rows);
    Mix(head, s, sums, first, count);
  }
}

}  // namespace longshot
