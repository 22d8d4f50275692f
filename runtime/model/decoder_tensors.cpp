#include "runtime/model/decoder_tensors.h"

#include <fmt/ranges.h>

#include <map>

#include "core/error.h"
#include "core/printable.h"

namespace longshot {
namespace {

using Shape = std::vector<int64_t>;
using Expected = std::map<std::string, Shape, std::less<>>;

/// Tensors of one layer, in the canonical spelling.
void ExpectLayer(const ModelConfig& c, int layer, Expected& expected) {
  const int64_t q_rows = int64_t{c.heads} * c.head_dim, kv_rows = int64_t{c.kv_heads} * c.head_dim;
  const auto expect = [&](const char* name, Shape shape) {
    expected.emplace(fmt::format("blk.{}.{}", layer, name), std::move(shape));
  };
  expect("attn_norm.weight", {c.embed_dim});
  expect("attn_q.weight", {q_rows, c.embed_dim});
  expect("attn_k.weight", {kv_rows, c.embed_dim});
  expect("attn_v.weight", {kv_rows, c.embed_dim});
  expect("attn_output.weight", {c.embed_dim, q_rows});
  expect("ffn_norm.weight", {c.embed_dim});
  expect("ffn_gate.weight", {c.ffn_dim, c.embed_dim});
  expect("ffn_up.weight", {c.ffn_dim, c.embed_dim});
  expect("ffn_down.weight", {c.embed_dim, c.ffn_dim});
  if (c.qkv_bias) {
    expect("attn_q.bias", {q_rows});
    expect("attn_k.bias", {kv_rows});
    expect("attn_v.bias", {kv_rows});
  }
  if (c.qk_norm) {
    expect("attn_q_norm.weight", {c.head_dim});
    expect("attn_k_norm.weight", {c.head_dim});
  }
}

Expected ExpectedTensors(const ModelConfig& c) {
  Expected expected;
  expected.emplace("token_embd.weight", Shape{c.vocab_size, c.embed_dim});
  expected.emplace("output_norm.weight", Shape{c.embed_dim});
  if (!c.tied_head) expected.emplace("output.weight", Shape{c.vocab_size, c.embed_dim});
  for (int layer = 0; layer < c.layers; ++layer) ExpectLayer(c, layer, expected);
  return expected;
}

/// A tensor outside the expected list is an error, unless the config has absorbed it or it is a second copy
/// of the tied embedding.
void RefuseUnused(const ModelConfig& config, std::string_view name) {
  if (name == "rope_freqs.weight" || (config.tied_head && name == "output.weight")) return;
  Throw(ErrorCode::kUnsupported,
        "tensor {} is not part of a {} decoder as supported: leaving it out would change the model", Printable(name),
        config.architecture);
}

}  // namespace

void ThrowUnreadable(const UnreadableTensor& tensor) {
  Throw(ErrorCode::kUnsupported,
        "tensor {} is stored as {}; supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K",
        Printable(tensor.name), tensor.type);
}

void RequireDecoderTensors(const ModelConfig& config, std::span<const TensorInfo> tensors,
                           std::span<const UnreadableTensor> unreadable) {
  // A layer has at least nine tensors: a hostile layer count may not make the table larger than the file.
  if (static_cast<int64_t>(config.layers) * 9 > static_cast<int64_t>(tensors.size() + unreadable.size())) {
    Throw(ErrorCode::kFormat, "the model has {} layers but only {} tensors: incomplete file", config.layers,
          tensors.size() + unreadable.size());
  }
  Expected missing = ExpectedTensors(config);
  for (const UnreadableTensor& tensor : unreadable) {
    if (missing.contains(tensor.name)) ThrowUnreadable(tensor);
    RefuseUnused(config, tensor.name);
  }
  for (const TensorInfo& tensor : tensors) {
    const auto at = missing.find(tensor.name);
    if (at == missing.end()) {
      RefuseUnused(config, tensor.name);
      continue;
    }
    if (tensor.shape != at->second) {
      Throw(ErrorCode::kFormat, "tensor {} has shape [{}], expected [{}]", tensor.name, fmt::join(tensor.shape, ", "),
            fmt::join(at->second, ", "));
    }
    missing.erase(at);
  }
  if (!missing.empty()) {
    Throw(ErrorCode::kFormat, "tensor {} is missing ({} in all): incomplete file", missing.begin()->first,
          missing.size());
  }
}

}  // namespace longshot
