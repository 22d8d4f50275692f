#include "retrieval/bert_config.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"
#include "runtime/model/json_fields.h"
#include "runtime/text/bounded_json.h"

namespace longshot {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 20;
constexpr int kDefaultWindow = 256, kMaxWindow = 512;
constexpr int kMaxDim = 1 << 16;

int Positive(const JsonFields& fields, const char* name, int max) {
  const int value = fields.RequiredInteger(name);
  if (value >= 1 && value <= max) return value;
  Throw(ErrorCode::kFormat, "{}: {} is {}, expected 1 to {}", fields.what(), name, value, max);
}

void RequireText(const JsonFields& fields, const char* name, const std::string& expected) {
  const std::string found = fields.String(name).value_or(expected);
  if (found == expected) return;
  Throw(ErrorCode::kUnsupported, "{}: {} is \"{}\", supported: \"{}\"", fields.what(), name, Printable(found),
        expected);
}

BertConfig ReadShape(const JsonFields& fields) {
  if (!fields.String("model_type")) {
    Throw(ErrorCode::kUnsupported, "{}: no model_type, supported: \"bert\"", fields.what());
  }
  RequireText(fields, "model_type", "bert");
  RequireText(fields, "hidden_act", "gelu");
  RequireText(fields, "position_embedding_type", "absolute");
  BertConfig config;
  config.layers = Positive(fields, "num_hidden_layers", 1024);
  config.heads = Positive(fields, "num_attention_heads", kMaxDim);
  config.embed_dim = Positive(fields, "hidden_size", kMaxDim);
  config.ffn_dim = Positive(fields, "intermediate_size", 4 * kMaxDim);
  config.vocab_size = Positive(fields, "vocab_size", INT32_MAX);
  config.positions = Positive(fields, "max_position_embeddings", INT32_MAX);
  config.segments = Positive(fields, "type_vocab_size", kMaxDim);
  config.norm_eps = fields.Float("layer_norm_eps").value_or(1e-12f);
  if (config.embed_dim % config.heads != 0) {
    Throw(ErrorCode::kFormat, "{}: hidden_size {} is no multiple of num_attention_heads {}", fields.what(),
          config.embed_dim, config.heads);
  }
  if (!(config.norm_eps >= 0 && config.norm_eps < 1)) {
    Throw(ErrorCode::kFormat, "{}: layer_norm_eps is {}, expected 0 to 1", fields.what(), config.norm_eps);
  }
  config.head_dim = config.embed_dim / config.heads;
  return config;
}

/// The pooling that the file turns on: exactly one, and one of the two that are supported.
BertPooling ReadPooling(const nlohmann::json& document, const std::string& what) {
  constexpr std::string_view kPrefix = "pooling_mode_";
  std::string found;
  for (const auto& [name, value] : document.items()) {
    if (!name.starts_with(kPrefix) || !value.is_boolean() || !value.get<bool>()) continue;
    found += (found.empty() ? "" : " + ") + name.substr(kPrefix.size());
  }
  if (found == "mean_tokens") return BertPooling::kMean;
  if (found == "cls_token") return BertPooling::kCls;
  Throw(ErrorCode::kUnsupported, "{}: the pooling is \"{}\", supported: mean_tokens, cls_token", what,
        Printable(found));
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

std::string ReadSmallFile(const std::string& path, size_t max_bytes) {
  const MappedFile file(path);
  if (file.bytes().size() > max_bytes) {
    Throw(ErrorCode::kFormat, "{} has {} bytes, more than the {} that are read", path, file.bytes().size(), max_bytes);
  }
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

BertConfig ReadBertConfig(const std::string& folder) {
  const auto parse = [&](const std::string& path) {
    nlohmann::json document = ParseBoundedJson(ReadSmallFile(path, kMaxConfigBytes), path);
    JsonFields(document, path);
    return document;
  };
  const std::string path = folder + "/config.json";
  const std::string pooling = folder + "/1_Pooling/config.json", sentence = folder + "/sentence_bert_config.json";
  const nlohmann::json document = parse(path);
  BertConfig config = ReadShape(JsonFields(document, path));
  if (Exists(pooling)) config.pooling = ReadPooling(parse(pooling), pooling);
  int window = kDefaultWindow;
  if (Exists(sentence)) {
    const nlohmann::json limits = parse(sentence);
    window = JsonFields(limits, sentence).Integer("max_seq_length").value_or(kDefaultWindow);
  }
  config.window = std::min({window, config.positions, kMaxWindow});
  if (config.window < 3) {
    Throw(ErrorCode::kFormat, "{}: the model takes {} pieces at once, expected at least [CLS], one and [SEP]", folder,
          config.window);
  }
  return config;
}

}  // namespace longshot
