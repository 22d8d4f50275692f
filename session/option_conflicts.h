#pragma once

#include "session/generate_options.h"

namespace longshot {

/// Refuses flags that would silently have no effect beside others.
/// Errors: kUsage naming both and the cure.
void RequireConsistent(const GenerateOptions& options);

/// Of commands that compare answers: all of them read the documents whole. Errors: kUsage for `--context retrieved`.
void RequireFullContext(const GenerateOptions& options);

}  // namespace longshot
