#pragma once

#include <cstdint>
#include <string>

#include "core/stopwatch.h"

namespace longshot {

/// Progress of a long phase on standard error: a line that is rewritten on a terminal, a line now and then
/// elsewhere.
class Progress {
 public:
  /// `unit` of what is counted; tokens are also written "tok".
  explicit Progress(std::string what, std::string unit = "tokens");

  /// Shows `done` of `total`, at most a few times a second.
  void Show(int64_t done, int64_t total);
  /// Ends the rewritten line.
  void Finish();

  /// "prefill 1024 of 6144 tokens, 512 tok/s, 10 s left".
  static std::string Line(const std::string& what, int64_t done, int64_t total, double elapsed_ms,
                          const std::string& unit = "tokens");

 private:
  std::string what_, unit_;
  bool terminal_;
  Stopwatch watch_;
  double elapsed_ms_ = 0;
  double next_ms_;
  bool shown_ = false;
};

}  // namespace longshot
