#include "runtime/cache/cache_identity.h"

#include <fmt/ranges.h>

#include "core/fast_hash.h"

namespace longshot {
namespace {

std::string ScalingText(const RopeConfig& rope) {
  switch (rope.scaling) {
    case RopeScaling::kNone:
      return "none";
    case RopeScaling::kLinear:
      return fmt::format("linear, factor {}", rope.factor);
    case RopeScaling::kYarn:
      return fmt::format("yarn, factor {} of {} tokens", rope.factor, rope.original_context);
    case RopeScaling::kLlama3:
      return fmt::format("llama3, factor {} of {} tokens", rope.factor, rope.original_context);
  }
  return "?";
}

/// Every value of the configuration that the forward pass reads: a checkpoint's `config.json` is not among the files
/// whose bytes are hashed.
std::string ConfigText(const ModelConfig& c) {
  const RopeConfig& r = c.rope;
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} | {} {} {} {} {} {} {} {} {} {} | {}", c.architecture,
                     c.layers, c.heads, c.kv_heads, c.head_dim, c.embed_dim, c.ffn_dim, c.vocab_size, c.norm_eps,
                     c.tied_head, c.qkv_bias, c.qk_norm, r.theta, r.dims, static_cast<int>(r.scaling), r.factor,
                     r.original_context, r.attention_factor, r.beta_fast, r.beta_slow, r.low_freq_factor,
                     r.high_freq_factor, fmt::join(r.freq_divisors, " "));
}

}  // namespace

CacheIdentity IdentityOfRows(const Model& model, DType k_type, DType v_type, std::string_view build) {
  const std::string config = ConfigText(model.config());
  return {{"model", model.file().Checksum()},
          {"cache type", fmt::format("k {}, v {}", Info(k_type).name, Info(v_type).name)},
          {"rope scaling", ScalingText(model.config().rope)},
          {"configuration", fmt::format("{:016x}", FastHash(std::as_bytes(std::span(config))))},
          {"numeric path", model.backend().Describe().numeric_path},
          {"layout", model.backend().KvLayout()},
          {"build", std::string(build)}};
}

}  // namespace longshot
