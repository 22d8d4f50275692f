#include "session/stop_matcher.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace longshot {
namespace {

/// Length of the longest end of `text` that begins `stop` without completing it.
size_t BegunLength(std::string_view text, std::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.substr(text.size() - length) == stop.substr(0, length)) return length;
  }
  return 0;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) {
    if (stop.empty()) Throw(ErrorCode::kUsage, "--stop: expected text, got an empty string, which ends every answer");
  }
}

std::string StopMatcher::Push(std::string_view text) {
  CHECK(!matched_, "text after a stop string");
  held_ += text;
  size_t end = std::string::npos;
  for (const std::string& stop : stops_) end = std::min(end, held_.find(stop));
  if (end != std::string::npos) {
    matched_ = true;
    held_.resize(end);
    return std::exchange(held_, {});
  }
  size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, BegunLength(held_, stop));
  std::string safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopMatcher::Finish() { return std::exchange(held_, {}); }

}  // namespace longshot
