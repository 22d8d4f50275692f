#include "session/shared_prompt.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.h"

namespace longshot {

SharedPrompt::SharedPrompt(std::string path, std::string own_folder)
    : path_(std::move(path)), own_folder_(std::move(own_folder)) {
  Forget();
}

SharedPrompt::SharedPrompt(std::string path) : SharedPrompt(std::move(path), "") {}

SharedPrompt SharedPrompt::Temporary() {
  std::string folder = (std::filesystem::temp_directory_path() / "longshot-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    Throw(ErrorCode::kIo, "no folder {} can be made: {}; name another place with TMPDIR", folder, std::strerror(errno));
  }
  return SharedPrompt(folder + "/prompt.cache", folder);
}

SharedPrompt::~SharedPrompt() {
  Forget();
  std::error_code ignored;
  if (!own_folder_.empty()) std::filesystem::remove(own_folder_, ignored);
}

void SharedPrompt::About(const std::string& document) {
  if (document != document_) Forget();
  document_ = document;
}

double SharedPrompt::ReadingMs(const GenerationMetrics& metrics, int64_t prompt_tokens) {
  if (metrics.prompt_tokens == 0) return 0;  // nothing was answered
  const auto tokens = static_cast<double>(prompt_tokens);
  if (metrics.cached_tokens > 0) return reading_ms_per_token_ * tokens;
  reading_ms_per_token_ = metrics.time_ms.prefill / tokens;
  return metrics.time_ms.prefill;
}

void SharedPrompt::Forget() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace longshot
