#pragma once

#include <fmt/ranges.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace longshot {

/// Builds safetensors files; the header can be replaced by any text, so that it can lie.
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name, dtype;
    std::vector<uint64_t> shape;
    std::string data;
  };
  std::vector<Tensor> tensors;

  /// A tensor with a repeating byte pattern as its data.
  void Add(std::string name, std::string dtype, std::vector<uint64_t> shape, uint64_t element_bytes) {
    uint64_t bytes = element_bytes;
    for (const uint64_t dim : shape) bytes *= dim;
    std::string data(bytes, '\0');
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i % 4 == 3 ? 60 : i * 5 % 253);
    tensors.push_back({std::move(name), std::move(dtype), std::move(shape), std::move(data)});
  }

  std::string Header() const {
    std::string json = "{\"__metadata__\":{\"format\":\"pt\"}";
    uint64_t begin = 0;
    for (const Tensor& tensor : tensors) {
      const uint64_t end = begin + tensor.data.size();
      json += fmt::format(R"(,"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", tensor.name, tensor.dtype,
                          fmt::join(tensor.shape, ","), begin, end);
      begin = end;
    }
    return json + "}";
  }
  std::string Data() const {
    std::string data;
    for (const Tensor& tensor : tensors) data += tensor.data;
    return data;
  }
  std::string Build() const { return Build(Header(), Data()); }
  static std::string Build(const std::string& header, const std::string& data) {
    return Build(header.size(), header, data);
  }
  static std::string Build(uint64_t claimed_length, const std::string& header, const std::string& data) {
    return std::string(reinterpret_cast<const char*>(&claimed_length), sizeof claimed_length) + header + data;
  }
};

/// The tensors of a tiny checkpoint: 2 layers, 4 heads, 2 KV heads, head dim 16, 64 dimensions, 32 tokens.
inline SafetensorsWriter TinyCheckpoint(const std::string& dtype = "F32", uint64_t element_bytes = 4) {
  SafetensorsWriter writer;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape) {
    writer.Add(name, dtype, std::move(shape), element_bytes);
  };
  add("model.embed_tokens.weight", {32, 64});
  add("model.norm.weight", {64});
  for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
    const std::string prefix = layer;
    add(prefix + "input_layernorm.weight", {64});
    add(prefix + "post_attention_layernorm.weight", {64});
    add(prefix + "self_attn.q_proj.weight", {64, 64});
    add(prefix + "self_attn.k_proj.weight", {32, 64});
    add(prefix + "self_attn.v_proj.weight", {32, 64});
    add(prefix + "self_attn.o_proj.weight", {64, 64});
    add(prefix + "mlp.gate_proj.weight", {96, 64});
    add(prefix + "mlp.up_proj.weight", {96, 64});
    add(prefix + "mlp.down_proj.weight", {64, 96});
  }
  return writer;
}

inline const char* kTinyConfigJson =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_act\": \"silu\", \"hidden_size\": 64, "
    "\"intermediate_size\": 96, \"max_position_embeddings\": 128, \"num_attention_heads\": 4, "
    "\"num_hidden_layers\": 2, \"num_key_value_heads\": 2, \"rms_norm_eps\": 1e-05, \"vocab_size\": 32, "
    "\"tie_word_embeddings\": true, \"eos_token_id\": 2}";

}  // namespace longshot
