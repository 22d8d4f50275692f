#pragma once

#include <cstdint>
#include <functional>

#include "session/runtime_options.h"
#include "runtime/model/model_file.h"

namespace longshot {

/// The largest context from `least` to `most` for which `bytes` are at most `available`; `least` when none
/// is. `bytes` may not fall as the context grows.
int64_t LargestContext(int64_t least, int64_t most, int64_t available, const std::function<int64_t(int64_t)>& bytes);

/// A context nobody asked for, `most`, made to fit the memory that is free, and told when it was reduced.
/// `drafts_beside`: a drafter holds the answer's rows a second time.
/// Errors: those of `MakeBackend`.
int64_t FitContext(RuntimeOptions& options, const ModelFile& file, int64_t least, int64_t most, bool drafts_beside);

}  // namespace longshot
