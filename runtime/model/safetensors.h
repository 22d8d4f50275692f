#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace longshot {

/// One tensor of a safetensors file; `bytes` views into the file.
struct SafetensorsTensor {
  std::string name;
  std::string dtype;           ///< as stored: "F32", "BF16", "I64"
  std::vector<int64_t> shape;  ///< outermost first; empty for a scalar; no dimension is zero
  std::span<const std::byte> bytes;
};

/// The directory of an untrusted safetensors file, in the order of the data. The file is exactly: header
/// length (8 bytes, at most 100 MB), JSON header beginning with '{' and padded with spaces, data without
/// holes or overlap. Errors: kFormat, naming the tensor and what is wrong with it.
std::vector<SafetensorsTensor> ParseSafetensors(std::span<const std::byte> file);

/// F32, F16, BF16; nothing for types this build does not read.
std::optional<DType> DTypeFromSafetensors(std::string_view dtype);

/// `model.safetensors.index.json`: tensor name -> shard. Shard names are plain file names: no folder can be
/// left. Errors: kFormat.
std::map<std::string, std::string> ParseShardIndex(std::string_view text, const std::string& what);

}  // namespace longshot
