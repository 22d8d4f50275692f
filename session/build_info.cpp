#include "session/build_info.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <oneapi/dnnl/dnnl_version.h>
#include <pcre2.h>

#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>

namespace longshot {

const char* const kVersion = LONGSHOT_VERSION;
const char* const kBuildType = LONGSHOT_BUILD_TYPE;
const char* const kCompiler = LONGSHOT_COMPILER;
const char* const kCommit = LONGSHOT_COMMIT;

std::string Libraries() {
  return fmt::format("oneDNN {}.{}.{}, PCRE2 {}.{}, sentencepiece {}, fmt {}.{}.{}, nlohmann-json {}.{}.{}, CLI11 {}",
                     DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH, PCRE2_MAJOR, PCRE2_MINOR,
                     LONGSHOT_SENTENCEPIECE, FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100,
                     NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH,
                     CLI11_VERSION);
}

nlohmann::json BuildJson() {
  return {{"version", kVersion},
          {"commit", kCommit},
          {"type", kBuildType},
          {"compiler", kCompiler},
          {"libraries", Libraries()}};
}

}  // namespace longshot
