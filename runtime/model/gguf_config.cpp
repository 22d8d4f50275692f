#include <fmt/ranges.h>

#include <cmath>

#include "core/error.h"
#include "core/printable.h"
#include "runtime/model/byte_reader.h"
#include "runtime/model/gguf_model.h"

namespace longshot {
namespace {

/// Metadata of one architecture: keys are "<architecture>.<name>".
class Keys {
 public:
  Keys(const GgufFile& file, std::string architecture) : file_(file), architecture_(std::move(architecture)) {}

  std::string Full(std::string_view name) const { return fmt::format("{}.{}", architecture_, name); }

  std::optional<int> Integer(std::string_view name) const {
    const std::string key = Full(name);
    const GgufEntry* entry = file_.Find(key);
    if (entry != nullptr && entry->type == GgufType::kArray) {
      Throw(ErrorCode::kUnsupported, "metadata {} is a list (one value per layer); expected one value for all layers",
            key);
    }
    const std::optional<int64_t> value = file_.Integer(key);
    if (value && (*value < 0 || *value > INT32_MAX)) {
      Throw(ErrorCode::kFormat, "metadata {} is {}, expected 0 to {}", key, *value, INT32_MAX);
    }
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }

  int RequiredInteger(std::string_view name) const {
    const std::optional<int> value = Integer(name);
    if (!value) Throw(ErrorCode::kFormat, "metadata {} is missing: not a complete model", Full(name));
    return *value;
  }

  std::optional<float> Float(std::string_view name) const {
    const std::optional<double> value = file_.Float(Full(name));
    if (!value) return std::nullopt;
    if (!std::isfinite(*value) || std::fabs(*value) > 1e30) {
      Throw(ErrorCode::kFormat, "metadata {} is {}, expected a finite number", Full(name), *value);
    }
    return static_cast<float>(*value);
  }

  std::string_view String(std::string_view name, std::string_view otherwise) const {
    return file_.String(Full(name)).value_or(otherwise);
  }

  bool Has(std::string_view name) const { return file_.Find(Full(name)) != nullptr; }

 private:
  const GgufFile& file_;
  std::string architecture_;
};

std::string SupportedArchitecture(const GgufFile& file) {
  const auto found = file.String("general.architecture");
  if (!found) Throw(ErrorCode::kFormat, "metadata general.architecture is missing: not a complete model");
  for (const std::string_view supported : {"llama", "qwen2", "qwen3"}) {
    if (*found == supported) return std::string(*found);
  }
  Throw(ErrorCode::kUnsupported,
        "model architecture {} is not supported; supported: llama (also Mistral), qwen2, qwen3", Printable(*found));
}

/// Options of other models under the same architecture name; computing without them would be silently wrong.
void RefuseOtherMathematics(const Keys& keys) {
  if (const int experts = keys.Integer("expert_count").value_or(0); experts > 0) {
    Throw(ErrorCode::kUnsupported, "the model is a mixture of {} experts; supported: dense feed-forward layers",
          experts);
  }
  for (const char* name : {"attention.scale", "attention.clamp_kqv", "attention.max_alibi_bias",
                           "attention.output_scale", "attention.temperature_scale", "logit_scale", "residual_scale",
                           "embedding_scale", "attn_logit_softcapping", "final_logit_softcapping"}) {
    if (!keys.Has(name)) continue;
    Throw(ErrorCode::kUnsupported, "metadata {} asks for a computation that is not supported", keys.Full(name));
  }
}

/// `rope_freqs.weight`, which llama.cpp's converter writes for Llama 3.1 and later.
std::vector<float> FrequencyDivisors(const GgufFile& file) {
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.name == "rope_factors_long.weight" || tensor.name == "rope_factors_short.weight") {
      Throw(ErrorCode::kUnsupported, "rope scaling longrope is not supported; supported: none, linear, yarn, llama3");
    }
    if (tensor.name != "rope_freqs.weight") continue;
    if (tensor.type != 0 || tensor.shape.size() != 1 || tensor.shape[0] > 4096) {
      Throw(ErrorCode::kFormat, "tensor rope_freqs.weight has type {} and shape [{}], expected f32 and [rope dims / 2]",
            tensor.type, fmt::join(tensor.shape, ", "));
    }
    std::vector<float> divisors(static_cast<size_t>(tensor.shape[0]));
    for (size_t i = 0; i < divisors.size(); ++i) divisors[i] = LoadAt<float>(tensor.bytes, i);
    return divisors;
  }
  return {};
}

/// As llama.cpp reads them: without a type, a factor means linear; a factor of 0 means none.
void ReadScaling(const Keys& keys, int context, RopeConfig& rope) {
  const std::string_view type = keys.String("rope.scaling.type", "linear");
  float factor = keys.Float(keys.Has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear").value_or(0);
  if (factor == 0) factor = 1;
  const float attention = keys.Float("rope.scaling.attn_factor").value_or(1);
  if (type == "yarn") {
    rope.scaling = RopeScaling::kYarn;
    rope.factor = factor;
    rope.original_context = keys.Integer("rope.scaling.original_context_length").value_or(context);
    rope.beta_fast = keys.Float("rope.scaling.yarn_beta_fast").value_or(rope.beta_fast);
    rope.beta_slow = keys.Float("rope.scaling.yarn_beta_slow").value_or(rope.beta_slow);
    if (attention != 1) rope.attention_factor = attention * static_cast<float>(rope.Magnitude());
    if (keys.Float("rope.scaling.yarn_ext_factor").value_or(1) != 1 || keys.Has("rope.scaling.yarn_log_multiplier")) {
      Throw(ErrorCode::kUnsupported, "yarn with an extrapolation mix or a log multiplier is not supported");
    }
    return;
  }
  if (type != "none" && type != "linear") {
    Throw(ErrorCode::kUnsupported, "rope scaling {} is not supported; supported: none, linear, yarn, llama3",
          Printable(type));
  }
  if (attention != 1) {
    Throw(ErrorCode::kUnsupported, "metadata {} is {}; supported without yarn: 1",
          keys.Full("rope.scaling.attn_factor"), attention);
  }
  if (type == "linear" && factor != 1) {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = factor;
  }
}

int VocabularySize(const GgufFile& file, const Keys& keys) {
  if (const auto size = keys.Integer("vocab_size")) return *size;
  const GgufEntry* tokens = file.Find("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->type != GgufType::kArray) return keys.RequiredInteger("vocab_size");
  return static_cast<int>(tokens->count);
}

void ReadShape(const GgufFile& file, const Keys& keys, ModelConfig& config) {
  config.layers = keys.RequiredInteger("block_count");
  config.heads = keys.RequiredInteger("attention.head_count");
  config.kv_heads = keys.Integer("attention.head_count_kv").value_or(config.heads);
  config.embed_dim = keys.RequiredInteger("embedding_length");
  config.ffn_dim = keys.RequiredInteger("feed_forward_length");
  config.context = keys.RequiredInteger("context_length");
  config.vocab_size = VocabularySize(file, keys);
  config.sliding_window = keys.Integer("attention.sliding_window").value_or(0);
  const auto epsilon = keys.Float("attention.layer_norm_rms_epsilon");
  if (!epsilon) Throw(ErrorCode::kFormat, "metadata {} is missing", keys.Full("attention.layer_norm_rms_epsilon"));
  config.norm_eps = *epsilon;

  const int default_head_dim = config.heads > 0 ? config.embed_dim / config.heads : 0;
  config.head_dim = keys.Integer("attention.key_length").value_or(default_head_dim);
  const int value_dim = keys.Integer("attention.value_length").value_or(config.head_dim);
  if (value_dim != config.head_dim) {
    Throw(ErrorCode::kUnsupported, "keys of {} and values of {} dimensions; supported: equal", config.head_dim,
          value_dim);
  }
}

}  // namespace

ModelConfig GgufModelConfig(const GgufFile& file) {
  ModelConfig config;
  config.architecture = SupportedArchitecture(file);
  config.name = Printable(file.String("general.name").value_or(""));
  const Keys keys(file, config.architecture);
  RefuseOtherMathematics(keys);
  ReadShape(file, keys, config);
  config.tied_head = true;
  for (const GgufTensor& tensor : file.tensors()) config.tied_head &= tensor.name != "output.weight";
  config.qkv_bias = config.architecture == "qwen2";
  config.qk_norm = config.architecture == "qwen3";
  config.rope.theta = keys.Float("rope.freq_base").value_or(10000.0f);
  config.rope.dims = keys.Integer("rope.dimension_count").value_or(config.head_dim);
  config.rope.freq_divisors = FrequencyDivisors(file);
  ReadScaling(keys, config.context, config.rope);
  config.Validate();
  config.context = config.rope.ExtendedContext(config.context);
  if (config.architecture == "llama" && config.rope.dims != config.head_dim) {
    Throw(ErrorCode::kUnsupported, "rope turns {} of {} head dimensions; supported for llama GGUF files: all",
          config.rope.dims, config.head_dim);
  }
  return config;
}

}  // namespace longshot
