#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace longshot {

extern const char* const kVersion;
extern const char* const kBuildType;
extern const char* const kCompiler;
extern const char* const kCommit;  ///< as git named it when the build was configured, or "unknown"

/// Names and versions of the libraries this build is linked with.
std::string Libraries();

/// The same for a report.
nlohmann::json BuildJson();

}  // namespace longshot
