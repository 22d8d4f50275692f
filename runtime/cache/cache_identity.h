#pragma once

#include <string_view>

#include "core/dtype.h"
#include "runtime/cache/cache_header.h"
#include "runtime/model/model.h"

namespace longshot {

/// Everything that rows of `model` depend on besides tokens: the weights, cache types, RoPE scaling and shape, the
/// numeric path and the layout of its backend, and `build`, since another build may compute other bits. Reads the
/// model's files once, at several GB/s when they are in memory.
CacheIdentity IdentityOfRows(const Model& model, DType k_type, DType v_type, std::string_view build);

}  // namespace longshot
