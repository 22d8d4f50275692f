#pragma once

#include <span>
#include <string>

#include "runtime/config/flags.h"

namespace longshot {

/// Sets fields from the `config` block of the report at `path`; those that it lacks stay as they are. Errors: kIo;
/// kConfig for what is no report, and for unknown sections, keys and values.
void ReadConfig(const std::string& path, std::span<const Section> sections);

}  // namespace longshot
