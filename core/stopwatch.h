#pragma once

#include <chrono>

namespace longshot {

/// Wall time since construction or the last lap.
class Stopwatch {
 public:
  /// Milliseconds since the last lap, and begins the next.
  double LapMs() {
    const auto now = Clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - start_).count();
    start_ = now;
    return ms;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace longshot
