#include "runtime/model/model_config.h"

#include <cmath>

#include "core/error.h"
#include "kernels/kernels.h"

namespace longshot {
namespace {

void RequireRange(const char* what, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  Throw(ErrorCode::kFormat, "model config: {} is {}, expected {} to {}", what, value, low, high);
}

void RequireFinite(const char* what, double value, double low, double high) {
  if (value >= low && value <= high) return;  // false for NaN
  Throw(ErrorCode::kFormat, "model config: {} is {}, expected {} to {}", what, value, low, high);
}

void ValidateRope(const RopeConfig& rope, int head_dim) {
  RequireRange("rope dimensions", rope.dims, 2, head_dim);
  RequireRange("rope dimensions modulo 2", rope.dims % 2, 0, 0);
  RequireFinite("rope theta", rope.theta, 1.0 + 1e-6, 1e12);
  RequireFinite("rope scaling factor", rope.factor, 1.0, 1e6);
  RequireFinite("rope attention factor", rope.attention_factor, 0.0, 1e3);
  if (rope.scaling == RopeScaling::kYarn || rope.scaling == RopeScaling::kLlama3) {
    RequireRange("context before rope scaling", rope.original_context, 1, 1 << 30);
  }
  if (rope.scaling == RopeScaling::kYarn) {
    RequireFinite("yarn beta_slow", rope.beta_slow, 1e-3, 1e6);
    RequireFinite("yarn beta_fast", rope.beta_fast, rope.beta_slow, 1e6);
  }
  if (rope.scaling == RopeScaling::kLlama3) {
    RequireFinite("rope low_freq_factor", rope.low_freq_factor, 1e-3, 1e6);
    RequireFinite("rope high_freq_factor above low_freq_factor", rope.high_freq_factor - rope.low_freq_factor, 1e-3,
                  1e6);
  }
  if (!rope.freq_divisors.empty()) {
    RequireRange("number of rope frequency divisors", static_cast<int64_t>(rope.freq_divisors.size()), rope.dims / 2,
                 rope.dims / 2);
  }
  for (const float divisor : rope.freq_divisors) RequireFinite("rope frequency divisor", divisor, 1e-6, 1e9);
}

}  // namespace

void ModelConfig::Validate() const {
  RequireRange("number of layers", layers, 1, 4096);
  RequireRange("number of heads", heads, 1, 4096);
  RequireRange("number of KV heads", kv_heads, 1, heads);
  RequireRange("heads modulo KV heads", heads % kv_heads, 0, 0);
  RequireRange("head dimension", head_dim, 2, 4096);
  if (head_dim > kMaxHeadDim || heads / kv_heads > kMaxHeadGroup) {
    Throw(ErrorCode::kUnsupported,
          "model config: heads of {} dimensions, {} to a KV head; this build runs up to {} dimensions and {} heads",
          head_dim, heads / kv_heads, kMaxHeadDim, kMaxHeadGroup);
  }
  RequireRange("embedding dimension", embed_dim, 1, 1 << 20);
  RequireRange("feed-forward dimension", ffn_dim, 1, 1 << 22);
  RequireRange("vocabulary size", vocab_size, 1, 1 << 24);
  RequireRange("context length", context, 1, 1 << 30);
  RequireRange("sliding window", sliding_window, 0, 1 << 30);
  RequireFinite("norm epsilon", norm_eps, 1e-12, 1e-1);
  ValidateRope(rope, head_dim);
}

}  // namespace longshot
