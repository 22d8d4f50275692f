#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace longshot {

enum class RopeScaling : uint8_t { kNone, kLinear, kYarn, kLlama3 };

/// Rotary position embedding, resolved. Source: Su et al. 2021, arXiv 2104.09864; YaRN: Peng et al. 2023,
/// arXiv 2309.00071; llama3: the frequency rule of the Llama 3.1 model card.
struct RopeConfig {
  float theta = 10000.0f;
  int dims = 0;  ///< rotated dimensions of a head, usually all of them
  RopeScaling scaling = RopeScaling::kNone;
  float factor = 1.0f;                                    ///< context extension, >= 1
  int original_context = 0;                               ///< context before extension (yarn, llama3)
  float attention_factor = 0;                             ///< yarn: scale of cos and sin; 0 means 0.1 ln(factor) + 1
  float beta_fast = 32.0f, beta_slow = 1.0f;              ///< yarn
  float low_freq_factor = 1.0f, high_freq_factor = 4.0f;  ///< llama3
  /// Explicit frequency divisors [dims / 2] (a GGUF's `rope_freqs.weight`); empty when none.
  std::vector<float> freq_divisors;

  /// Inverse frequencies [dims / 2], scaling applied: angle of pair i at position p is p * result[i].
  std::vector<double> InverseFrequencies() const;
  /// Factor on cos and sin (1 except for yarn).
  double Magnitude() const;
  /// Context that the scaling reaches: for yarn, whose files may state the original one as `context`, at least
  /// original_context * factor.
  int ExtendedContext(int context) const;
};

/// Shape of a decoder. Letters: L layers, H heads, K KV heads, D head dim, E model dim, V vocabulary.
struct ModelConfig {
  std::string architecture;  ///< "llama", "qwen2" or "qwen3"
  std::string name;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int embed_dim = 0;
  int ffn_dim = 0;
  int vocab_size = 0;
  int context = 0;         ///< trained context in tokens
  int sliding_window = 0;  ///< 0: none; a longer context than this is refused
  float norm_eps = 1e-5f;
  bool tied_head = false;
  bool qkv_bias = false;  ///< qwen2
  bool qk_norm = false;   ///< qwen3: RMSNorm of each q and k head before RoPE
  RopeConfig rope;

  /// Errors: kFormat naming the first value that is out of range or inconsistent; kUnsupported for heads wider or
  /// groups larger than attention takes.
  void Validate() const;
};

}  // namespace longshot
