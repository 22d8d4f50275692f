#pragma once

#include "session/generate_options.h"

namespace longshot {

/// Refuses flags that would silently have no effect beside others.
/// Errors: kUsage naming both and the cure.
void RequireConsistent(const GenerateOptions& options);

}  // namespace longshot
