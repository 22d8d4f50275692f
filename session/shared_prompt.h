#pragma once

#include <cstdint>
#include <string>

#include "runtime/engine/metrics.h"

namespace longshot {

/// A file with the rows of the prompt that was read last, for other answers about the same document; gone with the
/// object.
class SharedPrompt {
 public:
  /// A killed run may have left the file: it is removed.
  explicit SharedPrompt(std::string path);
  /// In a folder of its own among the system's temporary ones. Errors: kIo when it cannot be made.
  static SharedPrompt Temporary();
  ~SharedPrompt();
  SharedPrompt(const SharedPrompt&) = delete;
  SharedPrompt& operator=(const SharedPrompt&) = delete;

  const std::string& path() const { return path_; }
  /// Prompts about another document are read from their first token: what they take is measured, not shared.
  void About(const std::string& document);
  /// The next prompt is read from its first token.
  void Forget();
  /// What reading a whole prompt takes, milliseconds: measured where it was read from its first token, else at the rate
  /// of the prompt that was.
  double ReadingMs(const GenerationMetrics& metrics, int64_t prompt_tokens);

 private:
  SharedPrompt(std::string path, std::string own_folder);

  std::string path_, own_folder_, document_;
  double reading_ms_per_token_ = 0;
};

}  // namespace longshot
