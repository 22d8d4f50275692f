#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/mapped_file.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// What a format's reader hands to `ModelFile`. The tensors view into `files`.
struct LoadedModel {
  std::vector<MappedFile> files;
  std::string format;
  std::vector<TensorInfo> tensors;
  std::vector<UnreadableTensor> unreadable;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::function<ModelConfig()> read_config;
  std::function<Vocabulary()> read_vocabulary;
};

/// Errors: those of `ModelFile::Open`.
LoadedModel OpenGguf(const std::string& path);
LoadedModel OpenCheckpoint(const std::string& folder);

}  // namespace longshot
