#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/printable.h"
#include "runtime/model/checkpoint.h"
#include "runtime/model/json_fields.h"
#include "runtime/text/bounded_json.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr const char* kFile = "config.json";

struct Family {
  const char* model_class;
  const char* model_type;
  const char* architecture;
};
constexpr Family kFamilies[] = {{"LlamaForCausalLM", "llama", "llama"},
                                {"MistralForCausalLM", "mistral", "llama"},
                                {"Qwen2ForCausalLM", "qwen2", "qwen2"},
                                {"Qwen3ForCausalLM", "qwen3", "qwen3"}};

/// The first entry of `architectures`, or `model_type` in files without it.
Family FindFamily(const JsonFields& fields) {
  std::string found = fields.String("model_type").value_or("");
  if (const json* classes = fields.Find("architectures")) {
    if (!classes->is_array() || classes->empty() || !classes->front().is_string()) {
      Throw(ErrorCode::kFormat, "{}: architectures is not a list of names", kFile);
    }
    found = classes->front().get<std::string>();
  }
  for (const Family& family : kFamilies) {
    if (found == family.model_class || found == family.model_type) return family;
  }
  Throw(ErrorCode::kUnsupported,
        "{}: model class {} is not supported; supported: LlamaForCausalLM, MistralForCausalLM, "
        "Qwen2ForCausalLM, "
        "Qwen3ForCausalLM",
        kFile, Printable(found.empty() ? "(none)" : found));
}

void RefuseOtherMathematics(const JsonFields& fields, const Family& family) {
  const std::string activation = fields.String("hidden_act").value_or("silu");
  if (activation != "silu" && activation != "swish") {
    Throw(ErrorCode::kUnsupported, "{}: activation {} is not supported; supported: silu", kFile, Printable(activation));
  }
  for (const char* bias : {"attention_bias", "mlp_bias"}) {
    if (!fields.Bool(bias).value_or(false)) continue;
    Throw(ErrorCode::kUnsupported, "{}: {} is true, which is not supported for {}", kFile, bias, family.model_class);
  }
  if (const json* quantization = fields.Find("quantization_config")) {
    const std::string method =
        JsonFields(*quantization, "quantization_config").String("quant_method").value_or("unnamed");
    Throw(ErrorCode::kUnsupported, "{}: weights quantised by {}; supported: F32, F16, BF16 safetensors, or GGUF", kFile,
          Printable(method));
  }
}

float AttentionFactor(const JsonFields& rope, float factor) {
  if (const auto given = rope.Float("attention_factor")) return *given;
  const float mscale = rope.Float("mscale").value_or(0), all_dims = rope.Float("mscale_all_dim").value_or(0);
  if (mscale == 0 || all_dims == 0) return 0;  // the default of `RopeConfig`
  const auto scale = [&](float m) { return factor <= 1 ? 1.0 : 0.1 * m * std::log(static_cast<double>(factor)) + 1.0; };
  return static_cast<float>(scale(mscale) / scale(all_dims));
}

void ReadYarn(const JsonFields& rope, RopeConfig& config) {
  config.attention_factor = AttentionFactor(rope, config.factor);
  config.beta_fast = rope.Float("beta_fast").value_or(config.beta_fast);
  config.beta_slow = rope.Float("beta_slow").value_or(config.beta_slow);
  if (!rope.Bool("truncate").value_or(true)) {
    Throw(ErrorCode::kUnsupported, "{}: yarn with truncate = false is not supported", rope.what());
  }
}

void ReadScaling(const JsonFields& rope, int context, RopeConfig& config) {
  const std::string type = rope.String("rope_type").value_or(rope.String("type").value_or("default"));
  if (type == "default") return;
  if (type == "linear") {
    config.scaling = RopeScaling::kLinear;
  } else if (type == "yarn") {
    config.scaling = RopeScaling::kYarn;
  } else if (type == "llama3") {
    config.scaling = RopeScaling::kLlama3;
  } else {
    Throw(ErrorCode::kUnsupported, "{}: type {} is not supported; supported: default, linear, yarn, llama3",
          rope.what(), Printable(type));
  }
  const auto factor = rope.Float("factor");
  if (!factor) Throw(ErrorCode::kFormat, "{}: factor is missing", rope.what());
  config.factor = *factor;
  config.original_context = rope.Integer("original_max_position_embeddings").value_or(context);
  config.low_freq_factor = rope.Float("low_freq_factor").value_or(config.low_freq_factor);
  config.high_freq_factor = rope.Float("high_freq_factor").value_or(config.high_freq_factor);
  if (config.scaling == RopeScaling::kYarn) ReadYarn(rope, config);
}

/// "rope_parameters" is how transformers 5 spells what was "rope_scaling", "rope_theta" and
/// "partial_rotary_factor".
void ReadRope(const JsonFields& fields, ModelConfig& config) {
  config.rope.theta = fields.Float("rope_theta").value_or(10000.0f);
  float rotated = fields.Float("partial_rotary_factor").value_or(1.0f);
  const char* name = fields.Find("rope_parameters") != nullptr ? "rope_parameters" : "rope_scaling";
  if (const json* object = fields.Find(name)) {
    const JsonFields rope(*object, fmt::format("{}: {}", kFile, name));
    for (const auto& [key, value] : object->items()) {
      if (!value.is_object()) continue;
      Throw(ErrorCode::kUnsupported, "{} differs per layer type ({}); supported: one for all layers", rope.what(),
            Printable(key));
    }
    config.rope.theta = rope.Float("rope_theta").value_or(config.rope.theta);
    rotated = rope.Float("partial_rotary_factor").value_or(rotated);
    ReadScaling(rope, config.context, config.rope);
  }
  if (!(rotated > 0 && rotated <= 1)) {
    Throw(ErrorCode::kFormat, "{}: partial_rotary_factor is {}, expected above 0, at most 1", kFile, rotated);
  }
  config.rope.dims = static_cast<int>(static_cast<float>(config.head_dim) * rotated);
}

/// 0 when no layer slides. Qwen's configs carry a window that is off unless `use_sliding_window`.
int SlidingWindow(const JsonFields& fields, const Family& family) {
  const bool qwen = std::string_view(family.architecture) != "llama";
  const bool mistral = std::string_view(family.model_type) == "mistral";
  const bool used = mistral || (qwen && fields.Bool("use_sliding_window").value_or(false));
  if (const json* types = fields.Find("layer_types"); types != nullptr && types->is_array()) {
    for (const json& type : *types) {
      const bool sliding = type == "sliding_attention";
      if (type == "full_attention" || (sliding && used)) continue;
      Throw(ErrorCode::kUnsupported, "{}: layer type {} is not supported; supported: full_attention", kFile,
            Printable(type.dump()));
    }
  }
  return used ? fields.Integer("sliding_window").value_or(0) : 0;
}

}  // namespace

ModelConfig CheckpointModelConfig(std::string_view config_json, bool has_head) {
  const json document = ParseBoundedJson(config_json, kFile);
  const JsonFields fields(document, kFile);
  const Family family = FindFamily(fields);
  RefuseOtherMathematics(fields, family);
  ModelConfig config;
  config.architecture = family.architecture;
  config.name = Printable(fields.String("_name_or_path").value_or(""));
  config.layers = fields.RequiredInteger("num_hidden_layers");
  config.heads = fields.RequiredInteger("num_attention_heads");
  config.kv_heads = fields.Integer("num_key_value_heads").value_or(config.heads);
  config.embed_dim = fields.RequiredInteger("hidden_size");
  config.head_dim = fields.Integer("head_dim").value_or(config.heads > 0 ? config.embed_dim / config.heads : 0);
  config.ffn_dim = fields.RequiredInteger("intermediate_size");
  config.vocab_size = fields.RequiredInteger("vocab_size");
  config.context = fields.RequiredInteger("max_position_embeddings");
  config.sliding_window = SlidingWindow(fields, family);
  config.norm_eps = fields.Float("rms_norm_eps").value_or(1e-6f);
  config.tied_head = fields.Bool("tie_word_embeddings").value_or(!has_head);
  config.qkv_bias = config.architecture == "qwen2";
  config.qk_norm = config.architecture == "qwen3";
  ReadRope(fields, config);
  config.Validate();
  config.context = config.rope.ExtendedContext(config.context);
  return config;
}

void ReadEndOfGeneration(std::string_view text, const std::string& what, Vocabulary& vocabulary) {
  const json document = ParseBoundedJson(text, what);
  const json* ids = JsonFields(document, what).Find("eos_token_id");
  if (ids == nullptr) return;
  for (const json& id : ids->is_array() ? *ids : json::array({*ids})) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      Throw(ErrorCode::kFormat, "{}: eos_token_id has {}, expected a token id or a list of them", what,
            Printable(id.dump()));
    }
    const auto token = static_cast<Token>(id.get<uint64_t>());
    auto& ends = vocabulary.end_of_generation;
    if (std::find(ends.begin(), ends.end(), token) == ends.end()) ends.push_back(token);
    if (vocabulary.eos == kNoToken) vocabulary.eos = token;
  }
}

}  // namespace longshot
