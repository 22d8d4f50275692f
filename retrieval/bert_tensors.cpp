#include "retrieval/bert_tensors.h"

#include <fmt/ranges.h>

#include <array>
#include <map>

#include "core/error.h"
#include "core/printable.h"

namespace longshot {
namespace {

using Shape = std::vector<int64_t>;
using Expected = std::map<std::string, Shape, std::less<>>;

void ExpectPair(const std::string& name, Shape weight, Expected& expected) {
  expected.emplace(name + ".bias", Shape{weight[0]});
  expected.emplace(name + ".weight", std::move(weight));
}

Expected ExpectedTensors(const BertConfig& c) {
  Expected expected;
  expected.emplace("embeddings.word_embeddings.weight", Shape{c.vocab_size, c.embed_dim});
  expected.emplace("embeddings.position_embeddings.weight", Shape{c.positions, c.embed_dim});
  expected.emplace("embeddings.token_type_embeddings.weight", Shape{c.segments, c.embed_dim});
  ExpectPair("embeddings.LayerNorm", {c.embed_dim}, expected);
  for (int layer = 0; layer < c.layers; ++layer) {
    const auto expect = [&](const char* name, Shape shape) {
      ExpectPair(BertLayerTensor(layer, name), std::move(shape), expected);
    };
    for (const char* name : {"query", "key", "value"}) {
      expect(fmt::format("attention.self.{}", name).c_str(), {c.embed_dim, c.embed_dim});
    }
    expect("attention.output.dense", {c.embed_dim, c.embed_dim});
    expect("attention.output.LayerNorm", {c.embed_dim});
    expect("intermediate.dense", {c.ffn_dim, c.embed_dim});
    expect("output.dense", {c.embed_dim, c.ffn_dim});
    expect("output.LayerNorm", {c.embed_dim});
  }
  return expected;
}

constexpr int kLayerTensors = 16;

/// A pooler and the heads of pre-training come after the rows that are pooled here; indices are recomputed.
bool IsLeftOut(std::string_view name) {
  constexpr std::array<std::string_view, 4> kLeftOut{"pooler.", "cls.", "embeddings.position_ids",
                                                     "embeddings.token_type_ids"};
  for (const std::string_view beginning : kLeftOut) {
    if (name.starts_with(beginning)) return true;
  }
  return false;
}

bool IsKnown(std::string_view name, std::string_view prefix, const Expected& expected) {
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return expected.contains(name) || IsLeftOut(name);
}

[[noreturn]] void RefuseUnused(const ModelFile& file, std::string_view name) {
  Throw(ErrorCode::kUnsupported,
        "{}: tensor {} is not part of a BERT encoder as supported: leaving it out would change the vectors",
        file.path(), Printable(name));
}

}  // namespace

std::string BertLayerTensor(int layer, const char* name) { return fmt::format("encoder.layer.{}.{}", layer, name); }

std::string RequireBertTensors(const BertConfig& config, const ModelFile& file) {
  const size_t stored = file.tensors().size() + file.unreadable_tensors().size();
  if (stored == 0) Throw(ErrorCode::kIo, "{} has no model.safetensors: fetch it whole", file.path());
  // A hostile layer count may not make the table larger than the file.
  if (static_cast<size_t>(config.layers) * kLayerTensors > stored) {
    Throw(ErrorCode::kFormat, "{}: {} layers, but only {} tensors: incomplete file", file.path(), config.layers,
          stored);
  }
  const std::string prefix = file.Find("embeddings.word_embeddings.weight") != nullptr ? "" : "bert.";
  const Expected expected = ExpectedTensors(config);
  for (const auto& [name, shape] : expected) {
    const TensorInfo* tensor = file.Find(prefix + name);
    if (tensor == nullptr) Throw(ErrorCode::kFormat, "{}: tensor {} is missing: incomplete file", file.path(), name);
    if (tensor->shape == shape) continue;
    Throw(ErrorCode::kFormat, "{}: tensor {} has the shape [{}], but config.json asks for [{}]", file.path(), name,
          fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
  }
  for (const TensorInfo& tensor : file.tensors()) {
    if (!IsKnown(tensor.name, prefix, expected)) RefuseUnused(file, tensor.name);
  }
  for (const UnreadableTensor& tensor : file.unreadable_tensors()) {
    if (!IsKnown(tensor.name, prefix, expected)) RefuseUnused(file, tensor.name);
  }
  return prefix;
}

}  // namespace longshot
