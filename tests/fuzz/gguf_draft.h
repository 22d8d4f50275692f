#pragma once

#include <optional>
#include <string_view>

#include "tests/runtime/model/gguf_writer.h"

namespace longshot {

/// Takes a GGUF file apart into the writer that would build it, lenient about everything but the framing.
/// Nothing when even that is broken.
std::optional<GgufWriter> ParseGgufDraft(std::string_view file);

/// Where the parts of an encoded entry (`GgufWriter::entries`) begin.
struct EntryParts {
  size_t key = 8, type = 0, value = 0;
  explicit EntryParts(const std::string& entry);
};

}  // namespace longshot
