#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "runtime/model/dequantize.h"
#include "runtime/model/gguf.h"

namespace longshot {

/// Builds GGUF files byte by byte, hostile ones included: every field can be made to lie.
class GgufWriter {
 public:
  struct Tensor {
    std::string name;
    uint32_t type = 0;           ///< ggml's number
    std::vector<uint64_t> dims;  ///< innermost first, as stored
    std::string data;
    std::optional<uint64_t> offset;     ///< instead of the true one
    std::optional<uint32_t> dim_count;  ///< instead of the true one
  };

  std::string magic = "GGUF";
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::optional<uint64_t> claimed_entries, claimed_tensors;
  std::vector<std::string> entries;  ///< encoded: key, type, value
  std::vector<Tensor> tensors;

  template <class T>
  static std::string Bytes(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static std::string Text(std::string_view text) { return Bytes<uint64_t>(text.size()) + std::string(text); }

  void Raw(std::string_view key, GgufType type, std::string_view value) {
    entries.push_back(Text(key) + Bytes(static_cast<uint32_t>(type)) + std::string(value));
  }
  void U32(std::string_view key, uint32_t value) { Raw(key, GgufType::kU32, Bytes(value)); }
  void F32(std::string_view key, float value) { Raw(key, GgufType::kF32, Bytes(value)); }
  void Bool(std::string_view key, bool value) { Raw(key, GgufType::kBool, Bytes<uint8_t>(value ? 1 : 0)); }
  void String(std::string_view key, std::string_view value) { Raw(key, GgufType::kString, Text(value)); }
  void RawArray(std::string_view key, GgufType type, uint64_t count, std::string_view elements) {
    Raw(key, GgufType::kArray, Bytes(static_cast<uint32_t>(type)) + Bytes(count) + std::string(elements));
  }
  void Strings(std::string_view key, const std::vector<std::string>& values) {
    std::string elements;
    for (const std::string& value : values) elements += Text(value);
    RawArray(key, GgufType::kString, values.size(), elements);
  }
  template <class T>
  void Array(std::string_view key, GgufType type, const std::vector<T>& values) {
    std::string elements;
    for (const T value : values) elements += Bytes(value);
    RawArray(key, type, values.size(), elements);
  }
  /// Takes an entry out again. Its key must have been added.
  void Remove(std::string_view key) {
    std::erase_if(entries, [&](const std::string& entry) { return entry.starts_with(Text(key)); });
  }

  /// A tensor of a type this build reads, outermost dimension first, with a repeating byte pattern as its
  /// data.
  Tensor& AddTensor(std::string name, uint32_t type, const std::vector<uint64_t>& shape) {
    const DTypeInfo info = Info(*DTypeFromGgml(type));
    uint64_t elements = 1;
    for (const uint64_t dim : shape) elements *= dim;
    std::string data(elements / static_cast<uint64_t>(info.block_size) * static_cast<uint64_t>(info.block_bytes), '\0');
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i % 4 == 3 ? 60 : i * 7 % 251);
    tensors.push_back({std::move(name), type, {shape.rbegin(), shape.rend()}, std::move(data), {}, {}});
    return tensors.back();
  }
  Tensor& FindTensor(std::string_view name) {
    for (Tensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    return tensors.at(tensors.size());
  }

  std::string Build() const {
    std::string file = magic + Bytes(version) + Bytes(claimed_tensors.value_or(tensors.size())) +
                       Bytes(claimed_entries.value_or(entries.size()));
    for (const std::string& entry : entries) file += entry;
    std::string data;
    for (const Tensor& tensor : tensors) {
      Pad(data);
      file += Text(tensor.name) + Bytes(tensor.dim_count.value_or(static_cast<uint32_t>(tensor.dims.size())));
      for (const uint64_t dim : tensor.dims) file += Bytes(dim);
      file += Bytes(tensor.type) + Bytes(tensor.offset.value_or(data.size()));
      data += tensor.data;
    }
    if (!tensors.empty()) Pad(file);
    return file + data;
  }

 private:
  void Pad(std::string& bytes) const { bytes.resize((bytes.size() + alignment - 1) / alignment * alignment, '\0'); }
};

/// Shape of a decoder for tests.
struct TinyShape {
  uint32_t layers = 2, heads = 4, kv_heads = 2, head_dim = 16, embed = 64, ffn = 96, vocabulary = 32;
};

/// The tensors of a decoder; `type` is that of the matrices.
inline void AddDecoderTensors(GgufWriter& writer, const std::string& architecture, uint32_t type,
                              const TinyShape& shape) {
  const uint64_t embed = shape.embed, ffn = shape.ffn;
  const uint64_t q = uint64_t{shape.heads} * shape.head_dim, kv = uint64_t{shape.kv_heads} * shape.head_dim;
  writer.AddTensor("token_embd.weight", type, {shape.vocabulary, embed});
  writer.AddTensor("output_norm.weight", 0, {embed});
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    const auto add = [&](const char* name, uint32_t number, const std::vector<uint64_t>& dims) {
      writer.AddTensor("blk." + std::to_string(layer) + "." + name, number, dims);
    };
    add("attn_norm.weight", 0, {embed});
    add("attn_q.weight", type, {q, embed});
    add("attn_k.weight", type, {kv, embed});
    add("attn_v.weight", type, {kv, embed});
    add("attn_output.weight", type, {embed, q});
    add("ffn_norm.weight", 0, {embed});
    add("ffn_gate.weight", type, {ffn, embed});
    add("ffn_up.weight", type, {ffn, embed});
    add("ffn_down.weight", type, {embed, ffn});
    if (architecture == "qwen2") {
      add("attn_q.bias", 0, {q});
      add("attn_k.bias", 0, {kv});
      add("attn_v.bias", 0, {kv});
    }
    if (architecture == "qwen3") {
      add("attn_q_norm.weight", 0, {shape.head_dim});
      add("attn_k_norm.weight", 0, {shape.head_dim});
    }
  }
}

/// A complete decoder: metadata and tensors, without a tokenizer.
inline GgufWriter TinyGguf(const std::string& architecture, uint32_t type = 0, const TinyShape& shape = {}) {
  GgufWriter writer;
  writer.String("general.architecture", architecture);
  writer.String("general.name", "tiny");
  const auto key = [&](const char* name) { return architecture + "." + name; };
  writer.U32(key("block_count"), shape.layers);
  writer.U32(key("context_length"), 128);
  writer.U32(key("embedding_length"), shape.embed);
  writer.U32(key("feed_forward_length"), shape.ffn);
  writer.U32(key("attention.head_count"), shape.heads);
  writer.U32(key("attention.head_count_kv"), shape.kv_heads);
  writer.F32(key("attention.layer_norm_rms_epsilon"), 1e-5f);
  writer.F32(key("rope.freq_base"), 10000.0f);
  writer.U32(key("vocab_size"), shape.vocabulary);
  AddDecoderTensors(writer, architecture, type, shape);
  return writer;
}

/// Metadata of a byte-level BPE tokenizer of six tokens.
inline void AddBpe(GgufWriter& writer) {
  writer.String("tokenizer.ggml.model", "gpt2");
  writer.String("tokenizer.ggml.pre", "smollm");
  writer.Strings("tokenizer.ggml.tokens", {"<|endoftext|>", "<|im_end|>", "a", "b", "ab", "c"});
  writer.Array<int32_t>("tokenizer.ggml.token_type", GgufType::kI32, {3, 3, 1, 1, 1, 1});
  writer.Strings("tokenizer.ggml.merges", {"a b"});
  writer.U32("tokenizer.ggml.bos_token_id", 0);
  writer.U32("tokenizer.ggml.eos_token_id", 1);
  writer.String("tokenizer.chat_template",
                "{{ messages[0]['role'] }}{% for message in messages %}<|im_start|>{% endfor %}");
}

/// Metadata of a sentencepiece tokenizer of six tokens.
inline void AddSentencePiece(GgufWriter& writer) {
  writer.String("tokenizer.ggml.model", "llama");
  writer.Strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\xE2\x96\x81", "a",
                                           "\xE2\x96\x81"
                                           "a"});
  writer.Array<int32_t>("tokenizer.ggml.token_type", GgufType::kI32, {2, 3, 3, 1, 1, 1});
  writer.Array<float>("tokenizer.ggml.scores", GgufType::kF32, {0, 0, 0, -1, -2, -3});
}

}  // namespace longshot
