#pragma once

#include <chrono>
#include <functional>
#include <utility>

namespace longshot {

/// Time since construction or the last lap.
class Stopwatch {
 public:
  /// `now_ms` tells the time; empty: the wall clock.
  explicit Stopwatch(std::function<double()> now_ms = {}) : now_ms_(std::move(now_ms)), start_(Now()) {}

  /// Milliseconds since the last lap, and begins the next.
  double LapMs() {
    const double now = Now(), ms = now - start_;
    start_ = now;
    return ms;
  }

 private:
  double Now() const {
    if (now_ms_) return now_ms_();
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::milli>(now).count();
  }

  std::function<double()> now_ms_;
  double start_;
};

}  // namespace longshot
