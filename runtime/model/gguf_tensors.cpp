#include <fmt/format.h>

#include <memory>

#include "core/printable.h"
#include "runtime/model/dequantize.h"
#include "runtime/model/gguf_model.h"
#include "runtime/model/loaded_model.h"

namespace longshot {
namespace {

/// Llama's converter interleaves the rows of the q and k projections; Qwen's does not.
bool HasInterleavedRows(const GgufTensor& tensor) {
  return tensor.name.starts_with("blk.") &&
         (tensor.name.ends_with(".attn_q.weight") || tensor.name.ends_with(".attn_k.weight"));
}

bool IsLlama(const GgufFile& file) {
  const GgufEntry* architecture = file.Find("general.architecture");
  return architecture != nullptr && architecture->type == GgufType::kString &&
         file.String("general.architecture") == "llama";
}

}  // namespace

std::vector<TensorInfo> GgufTensors(const GgufFile& file) {
  const bool llama = IsLlama(file);
  std::vector<TensorInfo> tensors;
  for (const GgufTensor& stored : file.tensors()) {
    const std::optional<DType> type = DTypeFromGgml(stored.type);
    if (!type) continue;
    TensorInfo tensor{std::string(stored.name), *type, stored.shape, stored.bytes};
    tensor.interleaved_rope_rows = llama && HasInterleavedRows(stored);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<UnreadableTensor> GgufUnreadableTensors(const GgufFile& file) {
  std::vector<UnreadableTensor> tensors;
  for (const GgufTensor& stored : file.tensors()) {
    if (DTypeFromGgml(stored.type)) continue;
    tensors.push_back({std::string(stored.name), fmt::format("ggml type {}", stored.type), stored.shape});
  }
  return tensors;
}

LoadedModel OpenGguf(const std::string& path) {
  LoadedModel model;
  model.files.emplace_back(path);
  const auto file = std::make_shared<const GgufFile>(model.files.front().bytes());
  model.format = fmt::format("GGUF v{}", file->version());
  model.tensors = GgufTensors(*file);
  model.unreadable = GgufUnreadableTensors(*file);
  for (const GgufEntry& entry : file->entries()) model.metadata.emplace_back(Printable(entry.key), Describe(entry));
  model.read_config = [file] { return GgufModelConfig(*file); };
  model.read_vocabulary = [file] { return GgufVocabulary(*file); };
  return model;
}

}  // namespace longshot
