#pragma once

#include <vector>

#include "runtime/model/gguf.h"
#include "runtime/model/model_file.h"
#include "runtime/text/vocabulary.h"

namespace longshot {

/// The decoder that a GGUF's metadata describes; `rope_freqs.weight` becomes `RopeConfig::freq_divisors`.
/// Errors: kUnsupported naming the architecture or option found and what is supported; kFormat for a key that
/// is missing, of the wrong type or out of range.
ModelConfig GgufModelConfig(const GgufFile& file);

/// The tokenizer in a GGUF's metadata, of any model architecture.
/// Errors: kUnsupported naming a tokenizer family that is not read; kFormat for lists of unequal length,
/// wrong types and ids out of range.
Vocabulary GgufVocabulary(const GgufFile& file);

/// The tensors this build can read. Views into the file's bytes; the names are copied.
std::vector<TensorInfo> GgufTensors(const GgufFile& file);

/// The others, whose types it cannot.
std::vector<UnreadableTensor> GgufUnreadableTensors(const GgufFile& file);

}  // namespace longshot
