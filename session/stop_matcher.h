#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// Cuts a stream of text before the first stop string, wherever the pieces break. Text that may be the
/// beginning of a stop string is held back until it is known not to be.
class StopMatcher {
 public:
  /// Errors: kUsage for an empty stop string.
  explicit StopMatcher(std::vector<std::string> stops);

  /// Text that is now safe to show. REQUIRES: !matched().
  std::string Push(std::string_view text);
  /// A stop string was completed: the text ends before it.
  bool matched() const { return matched_; }
  /// What is still held back, when the text ended without a stop string; empty after a match.
  std::string Finish();

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool matched_ = false;
};

}  // namespace longshot
