#pragma once

#include <cstdint>

/// What a BERT encoder does to rows between its products, for AVX2 and FMA, the least that the processor backend runs
/// on. The same bits on every processor; a row's numbers do not depend on the rows that are computed with it.
namespace longshot {

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, all [n]; y may be x.
/// Source: Ba et al. 2016, arXiv 1607.06450, equation 4.
void LayerNorm(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* y);

/// x [n] becomes x * Phi(x), Phi the normal distribution's: GELU by the error function, to 2e-7 of max(1, |x|).
/// Source: Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2.
void Gelu(float* x, int64_t n);

/// One head over one window: every row sees every row.
struct HeadAttention {
  const float* q = nullptr;  ///< [rows, head_dim], and so k and v
  const float* k = nullptr;
  const float* v = nullptr;
  int64_t stride = 0;  ///< from a row of q, k or v to the next
  int64_t rows = 0, head_dim = 0;
  float* out = nullptr;  ///< [rows, head_dim]
  int64_t out_stride = 0;
};

/// Floats of scratch that `Attend` needs; grows with both. REQUIRES: rows <= 512, head_dim <= 2^16.
int64_t AttentionScratch(int64_t rows, int64_t head_dim);

/// out = softmax(q k^T / sqrt(head_dim)) v. Source: Vaswani et al. 2017, arXiv 1706.03762, equation 1.
void Attend(const HeadAttention& head, float* scratch);

}  // namespace longshot
