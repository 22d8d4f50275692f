#include "runtime/model/checkpoint.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/printable.h"
#include "runtime/model/loaded_model.h"
#include "runtime/model/safetensors.h"
#include "runtime/text/bounded_json.h"
#include "runtime/text/vocabulary_files.h"

namespace longshot {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 20;
constexpr size_t kMaxShards = 4096;

/// A file of the folder, read whole after its size was looked at.
std::string ReadBounded(const std::string& path, size_t max_bytes) {
  const MappedFile file(path);
  if (file.bytes().size() > max_bytes) {
    Throw(ErrorCode::kFormat, "{} has {} bytes, more than the {} that are read", path, file.bytes().size(), max_bytes);
  }
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

void AddTensor(const SafetensorsTensor& stored, LoadedModel& model) {
  const std::string name = CanonicalTensorName(stored.name);
  if (name.empty()) return;
  if (const auto type = DTypeFromSafetensors(stored.dtype)) {
    model.tensors.push_back({name, *type, stored.shape, stored.bytes});
  } else {
    model.unreadable.push_back({name, stored.dtype, stored.shape});
  }
}

/// Adds the tensors of one safetensors file and returns their stored names.
std::set<std::string> AddShard(const std::string& path, LoadedModel& model) {
  model.files.emplace_back(path);
  std::set<std::string> names;
  try {
    for (const SafetensorsTensor& tensor : ParseSafetensors(model.files.back().bytes())) {
      AddTensor(tensor, model);
      names.insert(tensor.name);
    }
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", std::filesystem::path(path).filename().string(), error.what()));
  }
  return names;
}

/// Every tensor must be in the shard that the index names, and in no other.
void AddShards(const std::string& folder, const std::string& index_path, LoadedModel& model) {
  const auto index = ParseShardIndex(ReadBounded(index_path, size_t{64} << 20), "model.safetensors.index.json");
  std::map<std::string, std::set<std::string>> wanted;
  for (const auto& [tensor, shard] : index) wanted[shard].insert(tensor);
  if (wanted.empty() || wanted.size() > kMaxShards) {
    Throw(ErrorCode::kFormat, "model.safetensors.index.json names {} shards, expected 1 to {}", wanted.size(),
          kMaxShards);
  }
  for (const auto& [shard, tensors] : wanted) {
    if (AddShard(folder + "/" + shard, model) != tensors) {
      Throw(ErrorCode::kFormat, "{} does not hold exactly the tensors that model.safetensors.index.json lists for it",
            Printable(shard));
    }
  }
}

void RefuseRepeatedNames(const LoadedModel& model) {
  std::set<std::string_view> names;
  for (const TensorInfo& tensor : model.tensors) {
    if (!names.insert(tensor.name).second) {
      Throw(ErrorCode::kFormat, "tensor {} appears twice in the checkpoint", Printable(tensor.name));
    }
  }
}

/// Top-level fields as text; nested values shortened.
std::vector<std::pair<std::string, std::string>> Summary(const std::string& config_json) {
  std::vector<std::pair<std::string, std::string>> summary;
  const nlohmann::json config = ParseBoundedJson(config_json, "config.json");
  if (!config.is_object()) Throw(ErrorCode::kFormat, "config.json is not an object");
  for (const auto& [key, value] : config.items()) summary.emplace_back(Printable(key), Printable(value.dump()));
  return summary;
}

struct Renaming {
  std::string_view stored, canonical;
};
constexpr std::array kLayerNames{Renaming{"input_layernorm.weight", "attn_norm.weight"},
                                 Renaming{"post_attention_layernorm.weight", "ffn_norm.weight"},
                                 Renaming{"self_attn.q_proj.weight", "attn_q.weight"},
                                 Renaming{"self_attn.k_proj.weight", "attn_k.weight"},
                                 Renaming{"self_attn.v_proj.weight", "attn_v.weight"},
                                 Renaming{"self_attn.q_proj.bias", "attn_q.bias"},
                                 Renaming{"self_attn.k_proj.bias", "attn_k.bias"},
                                 Renaming{"self_attn.v_proj.bias", "attn_v.bias"},
                                 Renaming{"self_attn.o_proj.weight", "attn_output.weight"},
                                 Renaming{"self_attn.q_norm.weight", "attn_q_norm.weight"},
                                 Renaming{"self_attn.k_norm.weight", "attn_k_norm.weight"},
                                 Renaming{"mlp.gate_proj.weight", "ffn_gate.weight"},
                                 Renaming{"mlp.up_proj.weight", "ffn_up.weight"},
                                 Renaming{"mlp.down_proj.weight", "ffn_down.weight"}};
constexpr std::array kOuterNames{Renaming{"model.embed_tokens.weight", "token_embd.weight"},
                                 Renaming{"model.norm.weight", "output_norm.weight"},
                                 Renaming{"lm_head.weight", "output.weight"}};

}  // namespace

std::string CanonicalTensorName(std::string_view name) {
  constexpr std::string_view kLayer = "model.layers.";
  for (const Renaming& outer : kOuterNames) {
    if (name == outer.stored) return std::string(outer.canonical);
  }
  if (name.ends_with("rotary_emb.inv_freq")) return {};
  if (!name.starts_with(kLayer)) return std::string(name);
  const std::string_view rest = name.substr(kLayer.size());
  const size_t digits = rest.find_first_not_of("0123456789");
  if (digits == 0 || digits == rest.npos || rest[digits] != '.' || digits > 5) return std::string(name);
  for (const Renaming& layer : kLayerNames) {
    if (rest.substr(digits + 1) == layer.stored)
      return fmt::format("blk.{}.{}", rest.substr(0, digits), layer.canonical);
  }
  return std::string(name);
}

Vocabulary CheckpointVocabulary(const std::string& folder) {
  const auto read = [&](const char* name) { return ReadBounded(folder + "/" + name, size_t{64} << 20); };
  const auto has = [&](const char* name) { return Exists(folder + "/" + name); };
  if (!has("tokenizer.json") && !has("tokenizer.model")) {
    Throw(ErrorCode::kIo, "{} has neither tokenizer.json nor tokenizer.model", folder);
  }
  // The sentencepiece file comes first: the tokenizer.json beside it repeats it in a form without scores.
  Vocabulary vocabulary =
      has("tokenizer.model") ? ReadTokenizerModel(read("tokenizer.model")) : ReadTokenizerJson(read("tokenizer.json"));
  if (has("tokenizer_config.json")) ReadTokenizerConfig(read("tokenizer_config.json"), vocabulary);
  for (const char* name : {"generation_config.json", "config.json"}) {
    if (has(name)) ReadEndOfGeneration(read(name), name, vocabulary);
  }
  return vocabulary;
}

LoadedModel OpenCheckpoint(const std::string& folder) {
  LoadedModel model;
  model.format = "safetensors";
  const std::string config_path = folder + "/config.json";
  if (!Exists(config_path)) {
    Throw(ErrorCode::kIo, "{} has no config.json: expected a .gguf file or a Hugging Face model folder", folder);
  }
  const std::string config = ReadBounded(config_path, kMaxConfigBytes);
  const std::string single = folder + "/model.safetensors", index = folder + "/model.safetensors.index.json";
  if (Exists(single)) {
    AddShard(single, model);
  } else if (Exists(index)) {
    AddShards(folder, index, model);
  }
  RefuseRepeatedNames(model);
  model.metadata = Summary(config);
  const bool has_head = std::any_of(model.tensors.begin(), model.tensors.end(),
                                    [](const TensorInfo& tensor) { return tensor.name == "output.weight"; });
  model.read_config = [config, has_head] { return CheckpointModelConfig(config, has_head); };
  model.read_vocabulary = [folder] { return CheckpointVocabulary(folder); };
  return model;
}

}  // namespace longshot
