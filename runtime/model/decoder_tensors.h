#pragma once

#include <span>

#include "runtime/model/model_file.h"

namespace longshot {

/// Throws kUnsupported: the tensor's type, and the types this build reads.
[[noreturn]] void ThrowUnreadable(const UnreadableTensor& tensor);

/// Checks that the tensors are those of the decoder `config`, each of its shape, and nothing the forward pass
/// would silently leave out. Errors: kFormat, kUnsupported.
void RequireDecoderTensors(const ModelConfig& config, std::span<const TensorInfo> tensors,
                           std::span<const UnreadableTensor> unreadable);

}  // namespace longshot
